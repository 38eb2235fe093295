"""Cutting the vocabulary: tokens that the texts never use go, out of tokenizer and embedding table together.

The table of token embeddings is a third to two thirds of a small model, and a task uses a fraction of its rows. No
other weight changes, so a text whose tokens all stay gets the same logits, bit for bit.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edgebert.architecture import VocabularyCut
from edgebert.errors import DataError
from edgebert.examples import Example, Key
from edgebert.metrics import METRICS, tally_array
from edgebert.progress import Progress, silent
from edgebert.pruning.tokens import check_texts, cut_tokenizer, encodings, kept_tokens
from edgebert.tasks import task_head
from edgebert.text import untruncated
from edgebert.training.answers import answers_of

if TYPE_CHECKING:
    from edgebert.checkpoint import Model

FEWEST_TEXTS = 10
"""Different texts without which no tenth can be held out."""

MOST_HELD_OUT = 2000
"""Texts that are held out at most."""


def cut_vocabulary(model: Model, kept: Sequence[int]) -> Model:
    """Return a model with these tokens only, renumbered in the old order; the given one stays as it is.

    Rows that pad the embedding table beyond the tokenizer's last token go as well.

    Raises:
        UsageError: The tokenizer has no such id, a special or added token would go, or the smaller tokenizer could not
            be built.
    """
    import torch

    tokenizer = cut_tokenizer(model.tokenizer, kept)
    rows = sorted(set(kept))
    pad = tokenizer.token_to_id("[PAD]")
    module: Any = model.module
    table = module.base_model.embeddings.word_embeddings
    smaller = torch.nn.Embedding.from_pretrained(  # type: ignore[no-untyped-call]  # it has no types
        table.weight.detach()[rows],  # [kept, hidden]
        freeze=not table.weight.requires_grad,
        padding_idx=pad,
    )
    # A copy takes from its memo what is there already: all is copied but the table, the largest tensor of the model.
    module = copy.deepcopy(module, {id(table): smaller.train(table.training)})
    module.config.vocab_size, module.config.pad_token_id = len(rows), pad
    checkpoint = model.checkpoint
    return dataclasses.replace(
        model,
        checkpoint=dataclasses.replace(
            checkpoint, architecture=dataclasses.replace(checkpoint.architecture, vocabulary=len(rows))
        ),
        module=module,
        tokenizer=tokenizer,
    )


def measure_vocabulary(
    before: Model, after: Model, examples: Sequence[Example], *, progress: Progress = silent
) -> VocabularyCut:
    """Return what a cut did to examples, best to some that had no say in it.

    Words and lengths are counted in whole texts; the models see them truncated to their positions.

    Args:
        before: The model before the cut.
        after: The model after it.
        examples: The examples, at least one, all of them with right answers or none.
        progress: Told after every chunk of texts.

    Raises:
        UsageError: A text holds a lone surrogate.
    """
    texts = [text for example in examples for text in example.texts]
    head, meaning = task_head(before.checkpoint.task), before.checkpoint.meaning
    measured = []
    for model, when in ((before, "before"), (after, "after")):
        answers = answers_of(
            model.module,
            model.tokenizer,
            examples,
            head.task,
            meaning,
            max_length=model.checkpoint.architecture.positions,
            stage=f"comparing the answers, {when} the cut",
            progress=progress,
        )
        measured.append((*_spelling(model, texts), answers, _score(before, examples, answers)))
    (unknown_before, tokens_before, answers_before, right_before), (unknown, tokens, answers, right) = measured
    return VocabularyCut(
        tokens_before=before.tokenizer.get_vocab_size(),
        tokens_after=after.tokenizer.get_vocab_size(),
        bytes_saved=_bytes_saved(before, after),
        texts=len(examples),
        unknown_before=unknown_before,
        unknown_after=unknown,
        tokens_per_text_before=tokens_before,
        tokens_per_text_after=tokens,
        agreement=head.count_same(answers_before, answers) / len(examples),
        accuracy_before=right_before,
        accuracy_after=right,
    )


def _score(model: Model, examples: Sequence[Example], answers: Sequence[Key]) -> float | None:
    """Return the default metric of the task where it is a share, and right answers are known; ``None`` elsewhere."""
    head = task_head(model.checkpoint.task)
    if any(example.gold is None for example in examples):
        return None
    value = METRICS[head.metrics[0]].value(tally_array(head.count(examples, answers, model.checkpoint.meaning, None)))
    return float(value) if 0 <= value <= 1 else None


def prune_vocabulary(
    model: Model,
    training: Sequence[Example],
    *,
    more: Sequence[str] = (),
    seed: int,
    progress: Progress = silent,
) -> tuple[Model, VocabularyCut]:
    """Return the model with the tokens of the texts only, and what such a cut does to texts that had no say.

    A tenth of the different training texts (2,000 at most) is held out, a cut made for all others is measured on it,
    and the cut that is returned is made for all texts: its size is the one reported. Which tokens stay depends on the
    texts alone, never on labels or seed. Examples with two texts are told apart by the second: questions on one text
    are held out together, and measured by one of them.

    Args:
        model: The model; it stays as it is.
        training: Examples of the task, at least ten with different texts that are not in ``more``.
        more: Texts that are never held out, whose tokens stay as well.
        seed: Seed that chooses the texts to hold out.
        progress: Told how far the work is.

    Raises:
        DataError: There are too few texts.
        UsageError: A text holds a lone surrogate.
    """
    texts = [text for example in training for text in example.texts]
    check_texts(texts)
    # A text that appears there twice would otherwise be held out and have a say.
    given = set(more)
    last = ((index, example.texts[-1]) for index, example in reversed([*enumerate(training)]))
    first = {text: index for index, text in last if text not in given}
    if len(first) < FEWEST_TEXTS:
        raise DataError(
            f"cutting the vocabulary needs at least {FEWEST_TEXTS} different training texts, there are {len(first)}"
            f"{' that are no vocabulary texts' if given else ''}",
            hint="give more texts of the task, labelled or not: every word they hold keeps its tokens",
        )
    order = np.random.default_rng(seed).permutation(sorted(first.values())).tolist()
    count = min(len(order) // 10, MOST_HELD_OUT)
    held_out, others = order[:count], order[count:]
    seen = [*dict.fromkeys(text for index in others for text in training[index].texts), *more]
    kept = kept_tokens(model.tokenizer, seen, progress=progress)
    report = measure_vocabulary(
        model, cut_vocabulary(model, kept), [training[index] for index in held_out], progress=progress
    )
    rest = [*dict.fromkeys(texts).keys() - set(seen)]
    pruned = cut_vocabulary(model, (*kept, *kept_tokens(model.tokenizer, rest, progress=progress)))
    return pruned, dataclasses.replace(
        report,
        tokens_after=pruned.tokenizer.get_vocab_size(),
        bytes_saved=_bytes_saved(model, pruned),
    )


def _bytes_saved(before: Model, after: Model) -> int:
    shape = before.checkpoint.architecture
    return 4 * shape.hidden * (shape.vocabulary - after.checkpoint.architecture.vocabulary)


def _spelling(model: Model, texts: Sequence[str]) -> tuple[float, float]:
    """Return the share of the texts' words that are unknown, and their mean length in tokens."""
    tokenizer = untruncated(model.tokenizer)
    unknown_id = tokenizer.token_to_id("[UNK]")
    words = unknown = tokens = 0
    for encoding in encodings(tokenizer, texts):
        tokens += len(encoding)
        words += len(set(encoding.word_ids) - {None})
        unknown += sum(
            index == unknown_id and word is not None
            for index, word in zip(encoding.ids, encoding.word_ids, strict=True)
        )
    return unknown / max(words, 1), tokens / len(texts)
