"""A DistilBERT that turns a text into one vector, as sentence-transformers computes it, in torch."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from edgebert.meaning import TaskSettings

if TYPE_CHECKING:
    import transformers

_FUNCTIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {"relu": torch.relu, "tanh": torch.tanh}


class SentenceEncoder(torch.nn.Module):
    """An encoder, its pooling, dense layers behind it, and the scaling to length 1.

    Its tensors are called ``distilbert.*``, ``dense.0.weight``, ``dense.0.bias``, ``dense.1.weight`` and so on.
    """

    def __init__(self, distilbert: transformers.DistilBertModel, settings: TaskSettings) -> None:
        """Put fresh dense layers of the widths in ``settings`` behind an encoder."""
        super().__init__()
        self.distilbert = distilbert
        widths = [self.config.dim, *(layer.outputs for layer in settings.dense)]
        self.dense = torch.nn.ModuleList(torch.nn.Linear(*pair) for pair in itertools.pairwise(widths))
        self._settings = settings

    @property
    def base_model(self) -> transformers.DistilBertModel:
        """The encoder, as models of transformers call it."""
        return self.distilbert

    @property
    def config(self) -> transformers.DistilBertConfig:
        """The configuration of the encoder."""
        return self.distilbert.config

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        """Return ``sentence_embedding``, float32 [batch, width], of int64 ids and mask [batch, length]."""
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        rows = self.distilbert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        if self._settings.pooling == "first":
            vectors = rows[:, 0]  # [batch, hidden]
        else:
            mask = attention_mask.unsqueeze(-1).to(rows.dtype)  # [batch, length, 1]
            vectors = (rows * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1e-9)
        for layer, setting in zip(self.dense, self._settings.dense, strict=True):
            vectors = layer(vectors)
            if setting.activation in _FUNCTIONS:
                vectors = _FUNCTIONS[setting.activation](vectors)
        if self._settings.normalize:
            vectors = torch.nn.functional.normalize(vectors, dim=-1)
        return {"sentence_embedding": vectors}
