"""The programs that make answers: one for each language, and one that runs models."""

from tests.android.conftest import ort_jvm
from tests.wordpiece.conftest import jvm, node, peer

__all__ = ["jvm", "node", "ort_jvm", "peer"]
