from __future__ import annotations

import numpy as np
import pytest
import torch

from edgebert.errors import EnvironmentProblem, UsageError
from edgebert.network import enough_memory


def run(act, *, hint="give fewer texts") -> None:
    with enough_memory("pruning", hint=hint):
        act()


def raising(error):
    def act() -> None:
        raise error

    return act


@pytest.mark.parametrize(
    "act",
    [
        lambda: torch.empty(2**60, dtype=torch.uint8),
        lambda: np.empty(2**60, dtype=np.uint8),
        raising(MemoryError()),
        raising(RuntimeError("[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory")),
        raising(RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB")),
    ],
    ids=["torch", "numpy", "python", "torch's message", "another device's message"],
)
def test_a_full_memory_is_an_error_of_ours(act):
    """What torch, NumPy and Python really raise when memory is full becomes one line that says what did not fit."""
    with pytest.raises(EnvironmentProblem) as caught:
        run(act)
    assert caught.value.message == "not enough memory for pruning"
    assert caught.value.hint == "give fewer texts"
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"),
        UsageError("not enough memory is no reason to change an error of ours"),
        KeyboardInterrupt(),
        OSError(12, "Cannot allocate memory"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_other_errors_pass(error):
    """An error that is not about memory leaves the block as the very same object."""
    with pytest.raises(type(error)) as caught:
        run(raising(error))
    assert caught.value is error


def test_a_block_that_ends_well_is_left_alone():
    """Nothing is raised, and the block has run."""
    done = []
    run(lambda: done.append(1))
    assert done == [1]
