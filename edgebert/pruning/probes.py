"""Small int8 files of random weights, and how long they take: the raw times that a latency table is made of."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgebert.architecture import Architecture
from edgebert.errors import CheckFailed, EnvironmentProblem
from edgebert.manifest import TextSpec
from edgebert.ondevice.session import FORMATS, RuntimeFailure
from edgebert.ondevice.timing import time_runs
from edgebert.progress import Progress
from edgebert.runtime import open_runner

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgebert.convert.weights import Weights

STACK = 4  # equal layers below the last one: what they differ by stands out of the noise fourfold
WARM_UP = 3
VOCABULARY = 64  # rows of the embedding table: looking one up costs next to nothing
# Head counts and neuron counts: writing a TFLite file takes many seconds, an ONNX file a fraction of one.
POINTS = {"onnxruntime": (5, 7), "litert": (3, 4)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A file of random weights and how long it took.

    Attributes:
        heads: Heads of each layer, bottom first; the last layer computes its ``[CLS]`` row alone.
        neurons: Neurons of each layer, bottom first.
        run_ns: Nanoseconds of each inference, one row for each round.
    """

    heads: tuple[int, ...]
    neurons: tuple[int, ...]
    run_ns: tuple[tuple[int, ...], ...]


Widths = tuple[tuple[int, ...], tuple[int, ...]]
"""Heads and neurons of each layer of a file, bottom first."""


def probe_widths(architecture: Architecture, runtime: str) -> tuple[Widths, ...]:
    """Return the widths of the files that tell apart what each part of a model costs.

    One has no layers, some have the last layer alone, some ``STACK`` equal layers below a last one of middling width.
    Heads change while neurons are middling, and the other way round. In one more stack both are at their greatest:
    where weights that no longer fit a cache make the whole slower than its parts, the parts share that.

    Args:
        architecture: The uncut shape, whose greatest widths are the greatest of the files.
        runtime: ``onnxruntime`` or ``litert``.
    """
    heads, neurons = _grids(architecture, runtime)
    middle = (heads[len(heads) // 2], neurons[len(neurons) // 2])
    pairs = tuple(dict.fromkeys([*((h, middle[1]) for h in heads), *((middle[0], n) for n in neurons)]))
    greatest = (heads[-1], neurons[-1])
    return (
        ((), ()),
        *(((h,), (n,)) for h, n in pairs),
        *(((h,) * STACK + middle[:1], (n,) * STACK + middle[1:]) for h, n in dict.fromkeys((*pairs, greatest))),
    )


def check_widths(architecture: Architecture) -> tuple[Widths, ...]:
    """Return the widths of three files that are to be predicted: the uncut model, and two as pruning makes them.

    In those neurons fall upwards; heads fall as well in one of them, and rise in the other.
    """
    shares = np.linspace(0.85, 0.2, STACK + 1)
    heads = tuple(max(1, round(share * max(architecture.heads))) for share in shares)
    most = max(architecture.neurons)
    neurons = tuple(min(most, max(1, round(share * most / 16)) * 16) for share in shares)
    return ((architecture.heads, architecture.neurons), (heads, neurons), (heads[::-1], neurons))


def time_files(
    architecture: Architecture,
    files: Sequence[Widths],
    *,
    length: int,
    runtime: str,
    threads: int,
    rounds: int,
    runs: int,
    progress: Progress,
) -> tuple[tuple[Probe, ...], str]:
    """Return the raw times of int8 files with these widths, and the version of the runtime.

    The files are timed in this process, one after the other and in another order each round, so that a slow spell of
    the machine hits all of them alike. Each round opens a file anew: one model at a time is in memory, and where the
    allocator happens to put it averages out.

    Args:
        architecture: Everything but the widths.
        files: Widths of each file.
        length: Tokens of the input.
        runtime: ``onnxruntime`` or ``litert``.
        threads: Threads of one inference.
        rounds: Times each file is opened.
        runs: Inferences that count each time.
        progress: Told about files written and timed.

    Raises:
        MissingExtraError: A package that writes or runs the files is missing.
        EnvironmentProblem: The files find no room on the disk.
        CheckFailed: The runtime fails on a file.
    """
    spec = TextSpec(lower_case=True, max_length=length, lengths=(length,), pad_id=0, cls_id=1, sep_id=2, unk_id=3)
    ids = np.random.default_rng(0).integers(0, VOCABULARY, (1, length), dtype=np.int32)
    run_ns: list[list[tuple[int, ...]]] = [[] for _ in files]
    version, done, total = "", 0, rounds * len(files)
    with tempfile.TemporaryDirectory(prefix="edgebert-latency-") as folder:
        paths = [Path(folder) / f"{index}.{FORMATS[runtime]}" for index in range(len(files))]
        for index, widths in enumerate(files):
            progress("writing files to time", index, len(files))
            try:
                _write(random_weights(architecture, widths, length=length), paths[index], length)
            except OSError as error:
                raise EnvironmentProblem(
                    f"{folder}: the files to time cannot be written: {error.strerror}",
                    hint="free some space, or set TMPDIR",
                ) from error
        progress("writing files to time", len(files), len(files))
        for turn in range(rounds):
            for index in np.random.default_rng(turn).permutation(len(files)):
                session = open_runner(paths[index], runtime=runtime, spec=spec, threads=threads).session
                try:
                    times = time_runs(session, ids, np.ones_like(ids), warm_up=WARM_UP, runs=runs)
                except RuntimeFailure as error:
                    raise CheckFailed(f"{runtime} {session.version} fails on random weights: {error}") from error
                run_ns[index].append(tuple(times))
                version, done = session.version, done + 1
                progress("timing", done, total)
    probes = (
        Probe(heads=heads, neurons=neurons, run_ns=tuple(rows))
        for (heads, neurons), rows in zip(files, run_ns, strict=True)
    )
    return tuple(probes), version


def random_weights(architecture: Architecture, widths: Widths, *, length: int) -> Weights:
    """Return random weights with these widths of a two-label classifier, whose last layer is cheaper than the others.

    No array stands for two: a converter would store it once, and a cache would hold it longer than a real model's.

    Args:
        architecture: Everything but the widths.
        widths: Heads and neurons of each layer.
        length: Rows of the position table.
    """
    from edgebert.convert.weights import Layer, Linear, Norm, Weights

    rng = np.random.default_rng(0)
    hidden = architecture.hidden

    def array(*shape: int) -> NDArray[np.float32]:
        return rng.standard_normal(shape, dtype=np.float32)

    def linear(outputs: int, inputs: int) -> Linear:
        return Linear(weight=array(outputs, inputs) / np.float32(inputs**0.5), bias=array(outputs))

    def norm() -> Norm:
        return Norm(scale=np.ones(hidden, dtype=np.float32), shift=array(hidden))

    def layer(heads: int, neurons: int, *, last: bool) -> Layer:
        width = heads * architecture.head_dim
        return Layer(
            heads=heads,
            first_token_only=last,
            query=linear(width, hidden),
            key=linear(width, hidden),
            value=linear(width, hidden),
            attention_output=linear(hidden, width),
            attention_norm=norm(),
            expand=linear(neurons, hidden),
            contract=linear(hidden, neurons),
            output_norm=norm(),
        )

    top = len(widths[0]) - 1
    return Weights(
        words=array(VOCABULARY, hidden),
        positions=array(length, hidden),
        embedding_norm=norm(),
        layers=tuple(layer(h, n, last=index == top) for index, (h, n) in enumerate(zip(*widths, strict=True))),
        pre_classifier=linear(hidden, hidden),
        classifier=linear(2, hidden),
        head_dim=architecture.head_dim,
        activation=architecture.activation,
    )


def _grids(architecture: Architecture, runtime: str) -> Widths:
    """Return the head and neuron counts to measure: evenly spaced, the smallest and the greatest included."""
    most_heads, most_neurons = max(architecture.heads), max(architecture.neurons)
    head_points, neuron_points = POINTS[runtime]
    heads = {round(float(count)) for count in np.linspace(1, most_heads, head_points)}
    # Kernels work on blocks of neurons: only whole ones tell the slope.
    neurons = {round(float(count) / 16) * 16 for count in np.linspace(16, most_neurons, neuron_points)}
    return tuple(sorted(heads)), tuple(sorted({n for n in neurons if 0 < n < most_neurons} | {most_neurons}))


def _write(weights: Weights, path: Path, length: int) -> None:
    if path.suffix == ".onnx":
        from edgebert.convert.onnx import write_onnx

        write_onnx(weights, path, int8=True)
        return
    from edgebert.convert.tflite import quantize_tflite, write_tflite

    source = path.with_suffix(".float32.tflite")
    write_tflite(weights, source, lengths=(length,))
    quantize_tflite(source, path, per_tensor=False)
    source.unlink()
