"""Small real things for tests: checkpoint folders with random weights, data files, one bundle that tests share.

Nothing in here stands in for code of edgebert: a tiny checkpoint is a complete Hugging Face folder, only small.
"""

from __future__ import annotations

import atexit
import csv
import dataclasses
import functools
import gzip
import hashlib
import io
import json
import math
import shutil
import string
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.support.once import made_once

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from edgebert.convert.weights import Linear, Weights

SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS = (
    "good",
    "bad",
    "great",
    "awful",
    "the",
    "is",
    "it",
    "not",
    "very",
    "battery",
    "screen",
    "##ing",
    "##ed",
    "##er",
)
PIECES = (*string.ascii_lowercase, *string.digits, *string.punctuation)
VOCABULARY = (*SPECIALS, *PIECES, *(f"##{piece}" for piece in string.ascii_lowercase + string.digits), *WORDS)
"""Spells every ASCII text without ``[UNK]`` when it is lower-cased."""

LABELS = ("negative", "positive")
LENGTHS = (8, 16)

TEXTS = (
    "good",
    "bad",
    "the battery is great",
    "the screen is awful, it cracked",
    "not very good",
    "it is the battery",
    "awful!",
    "great screen, great battery, not bad",
    "zebra 42",
    "why?",
    "great headphones",
    "never again",
)
"""Ordinary texts for data files, none of more than 16 tokens."""


def tiny_checkpoint(
    folder: Path,
    *,
    hidden: int = 32,
    heads: int = 4,
    neurons: int = 64,
    layers: int = 2,
    vocabulary: Sequence[str] = VOCABULARY,
    positions: int = 64,
    labels: Sequence[str] = LABELS,
    activation: str = "gelu",
    seed: int = 0,
    dtype: torch.dtype | None = None,
    rows: int | None = None,
) -> Path:
    """Save a DistilBERT classifier and its tokenizer as ``save_pretrained`` does, and return the folder.

    Every parameter is random, biases and norms too, and so large that texts get visibly different logits: a file that
    drops a parameter, mixes two up or answers with a constant is caught.

    Args:
        folder: Folder to make.
        hidden: Width of the residual stream.
        heads: Attention heads of each layer.
        neurons: Feed-forward neurons of each layer.
        layers: Transformer layers.
        vocabulary: Tokens by id.
        positions: Longest input in tokens.
        labels: Label names by id.
        activation: ``gelu`` or ``relu``.
        seed: Seed of the weights.
        dtype: Type the weights are stored in; float32 by default.
        rows: Rows of the token embedding table; as many as tokens by default.
    """
    import torch
    import transformers

    config = transformers.DistilBertConfig(
        vocab_size=len(vocabulary) if rows is None else rows,
        dim=hidden,
        n_heads=heads,
        hidden_dim=neurons,
        n_layers=layers,
        max_position_embeddings=positions,
        activation=activation,
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
    )
    with torch.random.fork_rng(devices=[]):
        module = transformers.DistilBertForSequenceClassification(config)
    set_random(module, seed)
    module.to(dtype or torch.float32).save_pretrained(folder)
    write_tokenizer(folder, vocabulary)
    return folder


def set_random(module: torch.nn.Module, seed: int) -> None:
    """Give every parameter of a module random values, so large that texts get visibly different outputs."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if "norm" in name.lower() and name.endswith("weight"):
                parameter.copy_(1 + 0.2 * noise)
            elif parameter.ndim == 1:
                parameter.copy_(0.2 * noise)
            elif "embeddings" in name:
                parameter.copy_(noise)
            else:
                parameter.copy_(noise * (1.5 / parameter.shape[1] ** 0.5))


def write_tokenizer(folder: Path, vocabulary: Sequence[str] = VOCABULARY, *, lower_case: bool = True) -> None:
    """Write ``tokenizer.json``, ``vocab.txt`` and ``tokenizer_config.json``."""
    from tokenizers.implementations import BertWordPieceTokenizer

    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in vocabulary), encoding="utf-8")
    BertWordPieceTokenizer(str(folder / "vocab.txt"), lowercase=lower_case).save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "DistilBertTokenizer", "do_lower_case": lower_case}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")


def add_tokens(folder: Path, tokens: Sequence[str], *, special: bool = False) -> None:
    """Add tokens to the ``tokenizer.json`` of a checkpoint, whose embedding table must have rows for them."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    (tokenizer.add_special_tokens if special else tokenizer.add_tokens)(list(tokens))
    tokenizer.save(str(folder / "tokenizer.json"))


def edit_json(path: Path, **changes: object) -> None:
    """Change keys of a JSON object in a file; a key set to ``...`` is removed."""
    value = json.loads(path.read_text(encoding="utf-8")) | changes
    value = {key: item for key, item in value.items() if item is not ...}
    if path.name == "edgebert.json":
        write_manifest(path, value)
    else:
        path.write_text(json.dumps(value), encoding="utf-8")


def write_manifest(path: Path, plain: dict[str, Any]) -> None:
    """Write a manifest as plain JSON; the digest, where it has one, fits, as an attacker would see to it."""
    from edgebert.bundle import manifest_digest

    content = json.dumps(plain | {"digest": "0" * 64} if "digest" in plain else plain)
    digest = manifest_digest(content.encode()) if "digest" in plain else None
    path.write_text(content.replace("0" * 64, digest, 1) if digest else content, encoding="utf-8")


def write_data(
    path: Path, rows: Iterable[tuple[str, str | int]], *, columns: tuple[str, str] = ("text", "label")
) -> Path:
    """Write labelled texts as .csv, .tsv or .jsonl (by the suffix), gzipped with .gz, and return the path."""
    name = path.name.removesuffix(".gz")
    stream = io.StringIO(newline="")
    if name.endswith(".jsonl"):
        stream.writelines(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in rows)
    elif name.endswith(".tsv"):
        stream.writelines("\t".join(map(str, row)) + "\n" for row in (columns, *rows))
    else:
        csv.writer(stream, lineterminator="\n").writerows([columns, *rows])
    data = stream.getvalue().encode("utf-8")
    path.write_bytes(gzip.compress(data, mtime=0) if path.name.endswith(".gz") else data)
    return path


@functools.cache
def _shared() -> Path:
    """Return a folder of this process alone, for what the tests of one file share."""
    folder = Path(tempfile.mkdtemp(prefix="edgebert-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def shared_checkpoint() -> Path:
    """Return the tiny checkpoint that tests share: look at it, copy it, don't change it."""
    return made_once(_checkpoint) / "tiny"


def _checkpoint(folder: Path) -> None:
    tiny_checkpoint(folder / "tiny")


def shared_bundle() -> Path:
    """Return a bundle of the shared checkpoint, both formats, lengths 8 and 16: look, copy, don't change."""
    return made_once(_bundle) / "bundle"


def _bundle(folder: Path) -> None:
    from edgebert.pipeline import export_bundle

    export_bundle(shared_checkpoint(), folder / "bundle", lengths=LENGTHS)


def copy_of(folder: Path, to: Path) -> Path:
    """Copy a shared folder for a test that damages it."""
    return Path(shutil.copytree(folder, to))


def random_weights(
    seed: int,
    *,
    hidden: int,
    head_dim: int,
    heads: tuple[int, ...],
    neurons: tuple[int, ...],
    labels: int = 2,
    vocabulary: int = 50,
    positions: int = 40,
    activation: str = "gelu",
) -> Weights:
    """Return random weights of any shape, each layer with widths of its own, as a pruned model has them."""
    from edgebert.convert.weights import Layer, Linear, Norm, Weights
    from edgebert.heads import head_spec
    from edgebert.meaning import NO_SETTINGS

    rng, head = np.random.default_rng(seed), head_spec("text-classification", NO_SETTINGS)

    def array(*shape: int, scale: float = 1.0) -> NDArray[np.float32]:
        return (scale * rng.standard_normal(shape)).astype(np.float32)

    def linear(outputs: int, inputs: int) -> Linear:
        return Linear(weight=array(outputs, inputs, scale=1.5 / inputs**0.5), bias=array(outputs, scale=0.2))

    def norm() -> Norm:
        return Norm(scale=1 + array(hidden, scale=0.2), shift=array(hidden, scale=0.2))

    def layer(index: int) -> Layer:
        width = heads[index] * head_dim
        return Layer(
            heads=heads[index],
            first_token_only=index == len(heads) - 1,
            query=linear(width, hidden),
            key=linear(width, hidden),
            value=linear(width, hidden),
            attention_output=linear(hidden, width),
            attention_norm=norm(),
            expand=linear(neurons[index], hidden),
            contract=linear(hidden, neurons[index]),
            output_norm=norm(),
        )

    return Weights(
        words=array(vocabulary, hidden),
        positions=array(positions, hidden),
        embedding_norm=norm(),
        layers=tuple(layer(index) for index in range(len(heads))),
        head=head,
        dense=tuple(linear(*sizes) for sizes in head.shapes(hidden=hidden, labels=labels).values()),
        head_dim=head_dim,
        activation=activation,
    )


def reference_logits(weights: Weights, ids: Sequence[int]) -> NDArray[np.float64]:
    """Return the logits [labels] of one text in float64, every row of every layer computed, without any padding."""

    def linear(x: NDArray[np.float64], part: Linear) -> NDArray[np.float64]:
        return x @ part.weight.astype(np.float64).T + part.bias

    def norm(x: NDArray[np.float64], scale: NDArray[np.float32], shift: NDArray[np.float32]) -> NDArray[np.float64]:
        centred = x - x.mean(axis=-1, keepdims=True)
        return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-12) * scale + shift

    def active(x: NDArray[np.float64]) -> NDArray[np.float64]:
        if weights.activation == "relu":
            return np.maximum(x, 0)
        return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))

    x = weights.words[list(ids)].astype(np.float64) + weights.positions[: len(ids)]  # [length, hidden]
    x = norm(x, weights.embedding_norm.scale, weights.embedding_norm.shift)
    for layer in weights.layers:
        query, key, value = (linear(x, part) for part in (layer.query, layer.key, layer.value))
        mixed = []
        for head in range(layer.heads):
            columns = slice(head * weights.head_dim, (head + 1) * weights.head_dim)
            scores = np.exp(query[:, columns] @ key[:, columns].T)  # [length, length]
            mixed.append(scores / scores.sum(axis=1, keepdims=True) @ value[:, columns])
        x = norm(
            x + linear(np.concatenate(mixed, axis=1), layer.attention_output),
            layer.attention_norm.scale,
            layer.attention_norm.shift,
        )
        inner = linear(active(linear(x, layer.expand)), layer.contract)
        x = norm(x + inner, layer.output_norm.scale, layer.output_norm.shift)
    first, last = weights.dense
    return linear(np.maximum(linear(x[0], first), 0), last)


def with_last_layer(weights: Weights, change: Callable[[Linear], Linear]) -> Weights:
    """Return the weights with another last layer of the head."""
    *others, last = weights.dense
    return dataclasses.replace(weights, dense=(*others, change(last)))


def padded(texts: Sequence[Sequence[int]], length: int, pad_id: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return ids and mask, int64 [texts, length]."""
    ids = np.full((len(texts), length), pad_id, dtype=np.int64)
    mask = np.zeros((len(texts), length), dtype=np.int64)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = text
        mask[row, : len(text)] = 1
    return ids, mask


def onnx_logits(path: Path, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return what plain ONNX Runtime makes of a batch: float32 [batch, labels]."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["logits"], {"input_ids": ids, "attention_mask": mask})[0])


def onnx_rows(path: Path, texts: Sequence[Sequence[int]]) -> NDArray[np.float32]:
    """Return what plain ONNX Runtime makes of texts, each alone and without padding: float32 [texts, labels]."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    rows = []
    for text in texts:
        ids, mask = padded([text], len(text))
        rows.append(np.asarray(session.run(["logits"], {"input_ids": ids, "attention_mask": mask})[0])[0])
    return np.stack(rows)


def tflite_logits(path: Path, texts: Sequence[Sequence[int]], length: int) -> NDArray[np.float32]:
    """Return what plain LiteRT makes of texts, one after the other in one signature: float32 [texts, labels]."""
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(model_path=str(path), num_threads=1).get_signature_runner(f"len{length}")
    rows = []
    for text in texts:
        ids, mask = padded([text], length)
        rows.append(run(input_ids=ids.astype(np.int32), attention_mask=mask.astype(np.int32))["logits"][0].copy())
    return np.stack(rows)


def torch_logits(module: torch.nn.Module, texts: Sequence[Sequence[int]]) -> NDArray[np.float32]:
    """Return what a torch classifier makes of texts, each alone and without padding: float32 [texts, labels]."""
    import torch

    with torch.inference_mode():
        return np.stack([module(input_ids=torch.tensor([list(text)])).logits[0].numpy() for text in texts])


def random_texts(seed: int, *, count: int, longest: int, vocabulary: int = len(VOCABULARY)) -> list[list[int]]:
    """Return token ids of texts of random length, the first of them of one token and the last of ``longest``."""
    rng = np.random.default_rng(seed)
    lengths = [1, *rng.integers(1, longest + 1, max(count - 2, 0)), longest][:count]
    return [rng.integers(1, vocabulary, size).tolist() for size in lengths]


def rms(values: NDArray[np.floating]) -> float:
    """Return the root of the mean square."""
    return float(np.sqrt(np.square(values, dtype=np.float64).mean()))


def flip_byte(path: Path) -> None:
    """Change one bit in the middle of a file, so that its size stays."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def replace_artifact(bundle: Path, file: str, content: bytes) -> None:
    """Put other content into a file of a bundle and make the manifest agree: only the answers can tell."""
    (bundle / file).write_bytes(content)
    restate(bundle, file)


def restate(bundle: Path, file: str) -> None:
    """Write the present size and hash of a file into the manifest of its bundle."""
    manifest = json.loads((bundle / "edgebert.json").read_text(encoding="utf-8"))
    content = (bundle / file).read_bytes()
    for entry in (*manifest["artifacts"], *manifest["files"]):
        if entry["file"] == file:
            entry |= {"size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    write_manifest(bundle / "edgebert.json", manifest)
