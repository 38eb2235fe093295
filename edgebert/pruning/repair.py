"""Re-fits a cut model's output projections by least squares, so that each half layer gives what it gave before the cut.

Kwon et al. (2022) rescale the surviving units for the same purpose; here the whole projection after them is solved
for, as in layer-wise reconstruction (He et al., Channel Pruning for Accelerating Very Deep Neural Networks, 2017):
bottom up, each half layer is fitted to the original's residual stream given the stream that the repaired layers below
it really produce.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from edgebert.batching import batches_by_length
from edgebert.network import blocks, padded
from edgebert.progress import Progress, silent

if TYPE_CHECKING:
    import torch

    from edgebert.checkpoint import Model

_RIDGE = 1e-2


def repair(
    original: Model,
    pruned: Model,
    layers: Sequence[int],
    texts: Sequence[Sequence[int]],
    *,
    ridge: float = _RIDGE,
    progress: Progress = silent,
) -> Model:
    """Return ``pruned`` with re-fitted attention output and second feed-forward projections.

    Args:
        original: The model before the cut.
        pruned: The model after it.
        layers: The original's layers that the pruned model's layers came from.
        texts: Token ids of each text; both models have the same tokenizer.
        ridge: Weight of staying near the weights as they were cut, relative to the mean square of the inputs.
        progress: Told after every half layer.
    """
    import torch

    module = copy.deepcopy(pruned.module)
    head_dim = pruned.checkpoint.architecture.head_dim
    first_only = pruned.checkpoint.head.reads == "first"
    with torch.inference_mode():
        streams = [
            _Stream(original.module, module, *padded([texts[index] for index in batch], original.pad_id), head_dim)
            for batch in batches_by_length([*map(len, texts)], 64)
        ]
        old_blocks, new_blocks = blocks(original.module), blocks(module)
        ends = (*layers[1:], len(old_blocks))
        for stream in streams:
            stream.skip(old_blocks[: layers[0]])
        for index, (layer, end, block) in enumerate(zip(layers, ends, new_blocks, strict=True)):
            top = index == len(new_blocks) - 1
            block.output_layer_norm.load_state_dict(old_blocks[end - 1].output_layer_norm.state_dict())
            for half, done in (("attention", 2 * index + 1), ("feed-forward", 2 * index + 2)):
                fit = _Fit(block.attention.out_lin if half == "attention" else block.ffn.lin2)
                for stream in streams:
                    stream.advance_old(old_blocks[layer], half)
                    if half == "feed-forward":
                        stream.skip(old_blocks[layer + 1 : end])
                    inputs = stream.inputs(block, stream.new, half)
                    rows = stream.first if top and first_only else stream.mask
                    fit.add(inputs[rows], (stream.old_sum - stream.new)[rows])
                fit.solve(ridge)
                for stream in streams:
                    stream.advance_new(block, half)
                progress("re-fitting the cut layers", done, 2 * len(new_blocks))
    return replace(pruned, module=module)


class _Stream:
    """The residual stream of a batch in the original and in the pruned model, half layer by half layer."""

    def __init__(self, old: Any, new: Any, ids: torch.Tensor, mask: torch.Tensor, head_dim: int) -> None:
        self.old, self.new = old.base_model.embeddings(ids), new.base_model.embeddings(ids)  # [batch, length, hidden]
        self.old_sum = self.old
        self.mask, self.head_dim = mask.bool(), head_dim  # bool [batch, length]
        self.first = self.mask.clone()
        self.first[:, 1:] = False

    def advance_old(self, block: Any, half: str) -> None:
        self.old_sum, self.old = self._advanced(block, self.old, half)

    def advance_new(self, block: Any, half: str) -> None:
        _, self.new = self._advanced(block, self.new, half)

    def skip(self, gone: Sequence[Any]) -> None:
        for block in gone:
            self.advance_old(block, "attention")
            self.advance_old(block, "feed-forward")

    def _advanced(self, block: Any, x: torch.Tensor, half: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the stream after a half layer, before and after its norm."""
        projection, norm = block.ffn.lin2, block.output_layer_norm
        if half == "attention":
            projection, norm = block.attention.out_lin, block.sa_layer_norm
        total = x + projection(self.inputs(block, x, half))
        return total, norm(total)

    def inputs(self, block: Any, x: torch.Tensor, half: str) -> torch.Tensor:
        """Return what the output projection of a half layer gets: [batch, length, width]."""
        import torch

        if half != "attention":
            activated: torch.Tensor = block.ffn.activation(block.ffn.lin1(x))
            return activated
        attention = block.attention
        query, key, value = (
            part(x).reshape(*x.shape[:2], -1, self.head_dim).transpose(1, 2)  # [batch, heads, length, head_dim]
            for part in (attention.q_lin, attention.k_lin, attention.v_lin)
        )
        allowed = self.mask[:, None, None, :]
        mixed = torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=allowed)
        return mixed.transpose(1, 2).flatten(2)


class _Fit:
    """Normal equations of one projection, in float64: weights that map inputs to wanted outputs, near those it has."""

    def __init__(self, projection: Any) -> None:
        import torch

        self.projection = projection
        width = projection.in_features + 1
        self.gram = torch.zeros(width, width, dtype=torch.float64)
        self.moment = torch.zeros(width, projection.out_features, dtype=torch.float64)
        self.rows = 0

    def add(self, inputs: torch.Tensor, wanted: torch.Tensor) -> None:
        import torch

        extended = torch.cat([inputs, inputs.new_ones(len(inputs), 1)], dim=1)  # [rows, width + 1]
        missing = wanted - self.projection(inputs)  # what the projection as it is does not give: [rows, hidden]
        self.gram += (extended.T @ extended).double()
        self.moment += (extended.T @ missing).double()
        self.rows += len(inputs)

    def solve(self, ridge: float) -> None:
        import torch

        scale = self.gram.diagonal()[:-1].mean().clamp(min=1e-12)
        penalty = torch.full((len(self.gram),), ridge * float(scale), dtype=torch.float64)
        change = torch.linalg.solve(self.gram + torch.diag(penalty), self.moment)  # [width + 1, hidden]
        self.projection.weight += change[:-1].T.float()
        self.projection.bias += change[-1].float()
