"""Eight-bit weights, and a simulation in torch of what eight bits do to the logits."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray


def per_row_int8(matrix: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return symmetric int8 values and the scale of each row, so that ``values * scales[:, None]`` is near ``matrix``.

    -128 is not used: the range is symmetric, so that no product of two values can leave int16 by itself.

    Args:
        matrix: Float32 [rows, columns].

    Returns:
        Int8 [rows, columns] and float32 [rows].
    """
    scales = (np.abs(matrix).max(axis=1) / 127).astype(np.float32)
    scales[scales == 0] = 1.0
    values = np.rint(matrix / scales[:, None]).clip(-127, 127).astype(np.int8)
    return values, scales


def simulate_int8(module: torch.nn.Module, *, per_tensor: bool) -> torch.nn.Module:
    """Return a copy of ``module`` that computes in float what a dynamic int8 file computes in integers.

    Weights of dense layers and embedding tables are rounded to int8, the inputs of dense layers to uint8 with one scale
    for the tensor. It says how far from float an int8 file is allowed to be, without asking the file itself.

    Args:
        module: A model in float32.
        per_tensor: One scale for a whole weight (``int8-legacy``) instead of one per output channel.
    """
    import torch

    simulated = copy.deepcopy(module)
    for part in simulated.modules():
        if isinstance(part, (torch.nn.Linear, torch.nn.Embedding)):
            part.weight.data = _rounded(part.weight.data, per_tensor=per_tensor)
        if isinstance(part, torch.nn.Linear):
            part.register_forward_pre_hook(lambda _, inputs: (_rounded_activation(inputs[0]),))
    return simulated


def _rounded(weight: torch.Tensor, *, per_tensor: bool) -> torch.Tensor:
    scale = weight.abs().amax() if per_tensor else weight.abs().amax(dim=1, keepdim=True)
    scale = (scale / 127).clamp(min=1e-30)
    return (weight / scale).round().clamp(-127, 127) * scale


def _rounded_activation(x: torch.Tensor) -> torch.Tensor:
    low, high = x.amin().clamp(max=0), x.amax().clamp(min=0)
    scale = ((high - low) / 255).clamp(min=1e-30)
    zero = (-low / scale).round()
    return ((x / scale).round() + zero).clamp(0, 255).sub(zero) * scale
