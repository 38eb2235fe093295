"""The training loop of a distillation: its rate at each step, and the mean that it ends with."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgebert.training import loop
from edgebert.training.distill import distill
from edgebert.training.loop import rate
from tests.training.distilling import OPTIONS, student, teacher, training


@given(st.integers(1, 200), st.floats(0, 0.99))
def test_the_rate_rises_to_its_peak_and_falls_towards_zero(total, share):
    """Above 0 at every step, 1 at the end of the warm-up and nowhere above, monotone on both sides."""
    warm_up = int(share * total)
    rates = [rate(step, total, warm_up) for step in range(total)]
    assert all(0 < value <= 1 for value in rates)
    assert rates[warm_up] == 1
    assert rates[: warm_up + 1] == sorted(rates[: warm_up + 1])
    assert rates[warm_up:] == sorted(rates[warm_up:], reverse=True)


@pytest.mark.parametrize("epochs", [0.125, 1, 2.5])
def test_the_result_is_the_mean_of_the_second_half(monkeypatch, epochs):
    """Weight by weight, it is the plain average of the student after each step from the middle on."""
    seen: list[dict[str, torch.Tensor]] = []
    step = loop._step

    def watched(taken, *rest):
        loss = step(taken, *rest)
        seen.append({name: tensor.clone() for name, tensor in taken.student.state_dict().items()})
        return loss

    monkeypatch.setattr(loop, "_step", watched)
    model, _ = distill(student(), teacher(), training(), options=replace(OPTIONS, epochs=epochs))
    half = seen[len(seen) // 2 :]
    for name, tensor in model.module.state_dict().items():
        wanted = torch.stack([weights[name] for weights in half]).double().mean(dim=0)
        assert torch.allclose(tensor.double(), wanted, atol=1e-6), name
