"""Folders as transformers and sentence-transformers save them, for every task; every parameter is random."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers

from tests.support import fakes

TAGS = ("O", "B-PER", "I-PER", "B-größe", "I-größe")
CLASSES = {
    "text-classification": "DistilBertForSequenceClassification",
    "multi-label-classification": "DistilBertForSequenceClassification",
    "text-regression": "DistilBertForSequenceClassification",
    "token-classification": "DistilBertForTokenClassification",
    "question-answering": "DistilBertForQuestionAnswering",
    "feature-extraction": "DistilBertModel",
}
KEYS: dict[str, dict[str, Any]] = {
    "text-classification": {"id2label": {0: "a", 1: "b", 2: "c"}},
    "multi-label-classification": {
        "id2label": {0: "a", 1: "b", 2: "c"},
        "problem_type": "multi_label_classification",
    },
    "text-regression": {"id2label": {0: "LABEL_0"}},
    "token-classification": {"id2label": dict(enumerate(TAGS))},
    "question-answering": {},
    "feature-extraction": {},
}
LABELS = {
    "text-classification": ("a", "b", "c"),
    "multi-label-classification": ("a", "b", "c"),
    "token-classification": TAGS,
}
TASKS = tuple(CLASSES)
IDS = [[2, 20, 30, 3], [2, 40, 41, 42, 43, 3], [2, 3]]


def task_folder(folder: Path, task: str, **keys: Any) -> Path:
    """Save a small model of a task and its tokenizer as transformers does, and return the folder."""
    config = transformers.DistilBertConfig(
        vocab_size=len(fakes.VOCABULARY),
        dim=12,
        n_heads=3,
        hidden_dim=20,
        n_layers=2,
        max_position_embeddings=24,
        **(KEYS[task] | keys),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        model = getattr(transformers, CLASSES[task])(config)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
    model.save_pretrained(folder)
    fakes.write_tokenizer(folder)
    return folder


def sentence_folder(
    folder: Path,
    *,
    pooling: str = "mean",
    dense: Sequence[tuple[int, str]] = (),
    normalize: bool = False,
    max_length: int | None = None,
    encoder: Path | None = None,
) -> Path:
    """Save a small model as sentence-transformers does, and return the folder.

    Args:
        folder: Folder to make.
        pooling: Name of the pooling.
        dense: Width and activation of each dense layer, bottom first.
        normalize: Whether there is a Normalize module.
        max_length: Longest input in tokens.
        encoder: Folder of the encoder; a DistilBERT by default.
    """
    import sentence_transformers
    from sentence_transformers.sentence_transformer import modules

    encoder = encoder or task_folder(folder.with_name(folder.name + "-encoder"), "feature-extraction")
    settings = {} if max_length is None else {"max_seq_length": max_length}
    parts: list[torch.nn.Module] = [modules.Transformer(str(encoder), **settings)]
    width = parts[0].model.config.hidden_size
    parts.append(modules.Pooling(width, pooling))
    torch.manual_seed(11)
    for outputs, activation in dense:
        parts.append(modules.Dense(width, outputs, activation_function=getattr(torch.nn, activation)()))
        width = outputs
    if normalize:
        parts.append(modules.Normalize())
    sentence_transformers.SentenceTransformer(modules=parts, device="cpu").save(str(folder), create_model_card=False)
    return folder


def as_old(folder: Path) -> Path:
    """Write a folder of sentence-transformers as version 2 did, the encoder in a folder of its own, and return it."""
    parts = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    inner = folder / "0_Transformer"
    inner.mkdir()
    for path in list(folder.iterdir()):
        if path.is_file() and path.name not in ("modules.json", "config_sentence_transformers.json"):
            path.rename(inner / path.name)
    for part in parts:
        part["type"] = f"sentence_transformers.models.{part['type'].rpartition('.')[2]}"
    parts[0]["path"] = "0_Transformer"
    (folder / "modules.json").write_text(json.dumps(parts), encoding="utf-8")
    (inner / "sentence_bert_config.json").write_text('{"max_seq_length": 16, "do_lower_case": false}', encoding="utf-8")
    pooling = folder / "1_Pooling" / "config.json"
    new = json.loads(pooling.read_text(encoding="utf-8"))
    old = {"word_embedding_dimension": new["embedding_dimension"], "pooling_mode_max_tokens": False}
    old |= {"pooling_mode_cls_token": new["pooling_mode"] == "cls"}
    old |= {"pooling_mode_mean_tokens": new["pooling_mode"] == "mean"}
    pooling.write_text(json.dumps(old), encoding="utf-8")
    for name in [part["path"] for part in parts if part["type"].endswith("Normalize")]:  # lost in git
        (folder / name / "config.json").unlink()
        (folder / name).rmdir()
    return folder
