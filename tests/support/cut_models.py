"""A tiny model cut by hand: fewer heads, neurons and layers, and a vocabulary whose ids mean other tokens."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from edgebert.architecture import PRUNING_SCHEMA, Distillation, Keep, Pruning, TextSource, VocabularyCut
from tests.support import fakes
from tests.support.once import made_once

if TYPE_CHECKING:
    from edgebert.architecture import Architecture
    from edgebert.checkpoint import Model

GONE = ("battery", "screen", "##ing", "great")
"""Tokens that the cut tokenizer lacks; it spells them in characters."""
LAYERS, KEPT = 3, (0, 2)
TRAIN = TextSource(name="train.tsv", sha256="ef" * 32, examples=500)


def pruning_of(original: Architecture, *, layers: tuple[int, ...], name: str = "original") -> Pruning:
    """Return a record in which everything took part, as one that says nothing but the truth would be too plain."""
    return Pruning(
        schema=PRUNING_SCHEMA,
        original=original,
        original_name=name,
        original_sha256="cd" * 32,
        layers=layers,
        budget="macs",
        keep=0.5,
        macs_share=0.487,
        tokens_per_text=11.25,
        sample=256,
        seed=7,
        train=TRAIN,
        vocabulary=VocabularyCut(
            tokens_before=122,
            tokens_after=118,
            bytes_saved=512,
            texts=100,
            unknown_before=0.001,
            unknown_after=0.002,
            tokens_per_text_before=10.5,
            tokens_per_text_after=11.25,
            agreement=0.98,
            accuracy_before=0.9,
            accuracy_after=0.89,
        ),
        distillation=Distillation(
            epochs=2.0,
            learning_rate=2e-4,
            temperature=2.0,
            labelled=True,
            held_out=50,
            agreement_before=0.9,
            agreement_after=0.97,
        ),
    )


def hand_cut(model: Model) -> Model:
    """Return a model without one layer, three heads, half of the neurons, and the tokens ``GONE``, in another order."""
    from tokenizers import Tokenizer

    from edgebert.network import load_module
    from edgebert.pruning.surgery import cut

    shape = model.checkpoint.architecture
    keep = Keep(layers=KEPT, heads=((0, 2, 3), (1, 3)), neurons=(tuple(range(0, 64, 2)), tuple(range(24))))
    narrow = cut(model, keep)
    # The specials stay in front, the others turn around: an id of one tokenizer is another token of the other.
    rows = [
        *range(5),
        *(index for index in reversed(range(5, shape.vocabulary)) if fakes.VOCABULARY[index] not in GONE),
    ]
    path = "distilbert.embeddings.word_embeddings.weight"
    state = dict(narrow.module.state_dict())
    state[path] = state[path][rows]
    architecture = dataclasses.replace(narrow.checkpoint.architecture, vocabulary=len(rows))
    return dataclasses.replace(
        narrow,
        checkpoint=dataclasses.replace(
            narrow.checkpoint,
            architecture=architecture,
            pruning=dataclasses.replace(
                pruning_of(shape, layers=KEPT),
                original_name=model.checkpoint.name,
                original_sha256=model.checkpoint.sha256,
            ),
        ),
        module=load_module(architecture, model.checkpoint.labels, model.checkpoint.task, state),
        tokenizer=Tokenizer.from_str(_tokenizer_of([fakes.VOCABULARY[row] for row in rows])),
    )


def _tokenizer_of(vocabulary: list[str]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        fakes.write_tokenizer(Path(folder), vocabulary)
        return (Path(folder) / "tokenizer.json").read_text(encoding="utf-8")


def shared_folders() -> tuple[Path, Path]:
    """Return the checkpoints ``original`` and ``cut`` that tests share: look at them, don't change them."""
    folder = made_once(_cut_checkpoints)
    return folder / "original", folder / "cut"


def _cut_checkpoints(folder: Path) -> None:
    from edgebert.checkpoint import load_model, save_model

    original = fakes.tiny_checkpoint(folder / "original", layers=LAYERS)
    (folder / "cut").mkdir()
    save_model(hand_cut(load_model(original)), folder / "cut")


def shared_cut_bundle() -> Path:
    """Return an ONNX bundle of the cut model whose baseline is the original: look, copy, don't change."""
    return made_once(_cut_bundle) / "bundle"


def _cut_bundle(folder: Path) -> None:
    from edgebert.pipeline import export_bundle

    original, cut = shared_folders()
    export_bundle(cut, folder / "bundle", baseline=original, formats=("onnx",), lengths=fakes.LENGTHS)


def shared_scored_bundle() -> Path:
    """Return the same in both formats, with scores on twelve texts: look, copy, don't change."""
    return made_once(_scored_cut_bundle) / "bundle"


def _scored_cut_bundle(folder: Path) -> None:
    from edgebert.pipeline import export_bundle

    original, cut = shared_folders()
    rows = [(text, fakes.LABELS[index % 2]) for index, text in enumerate(fakes.TEXTS)]
    data = fakes.write_data(folder / "eval.tsv", rows)
    export_bundle(cut, folder / "bundle", baseline=original, evaluation=data, lengths=fakes.LENGTHS)
