"""What tests of training share: one thread, and one student that has learnt."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from edgebert.architecture import Distillation
from edgebert.checkpoint import Model
from edgebert.training.distill import distill
from tests.training.distilling import OPTIONS, student, teacher, training


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """On matrices this small, threads wait for each other longer than they compute."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def recovered() -> tuple[Model, Distillation]:
    return distill(student(), teacher(), training(), options=OPTIONS)
