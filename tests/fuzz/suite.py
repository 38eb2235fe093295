"""All targets in the order they are run in."""

from __future__ import annotations

from tests.fuzz.arguments import ARGUMENTS
from tests.fuzz.targets import LIGHT, MEASURING
from tests.fuzz.training import TRAINING

TARGETS = (*LIGHT, *ARGUMENTS, *MEASURING, *TRAINING)
