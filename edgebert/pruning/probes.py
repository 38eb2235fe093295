"""Small int8 ONNX files of random weights, and how long they take: the raw times that a latency table is made of."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np

from edgebert.architecture import Architecture
from edgebert.arguments import Between, Positive
from edgebert.device.protocol import Request, Series
from edgebert.heads import head_spec
from edgebert.meaning import NO_SETTINGS
from edgebert.progress import Progress
from edgebert.staging import writing
from edgebert.workers.measure import measure

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgebert.convert.weights import Weights

STACK = 4  # equal layers below the last one: what they differ by stands out of the noise fourfold
RUNTIME = "onnxruntime"
WARM_UP = 3
VOCABULARY = 64  # rows of the embedding table: looking one up costs next to nothing
_HEAD_POINTS, _NEURON_POINTS = 5, 7  # how many counts of each are measured

Width = Annotated[int, Between(1, 2**31 - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A file of random weights and how long it took.

    Attributes:
        heads: Heads of each layer, bottom first; the last layer computes its ``[CLS]`` row alone.
        neurons: Neurons of each layer, bottom first.
        run_ns: Nanoseconds of each inference, one row for each round.
    """

    heads: tuple[Width, ...]
    neurons: tuple[Width, ...]
    run_ns: tuple[tuple[Positive, ...], ...]

    @property
    def quickest_ns(self) -> float:
        """The quickest inference of all rounds, in nanoseconds: what the file takes.

        Whatever else runs on the machine can only add to a time. On a busy one medians went wrong several times over
        where the quickest of a hundred still told what an idle machine takes.
        """
        return float(min(chain.from_iterable(self.run_ns)))

    @property
    def problem(self) -> str:
        """What is wrong with it as ``path: problem`` says it; empty where nothing is."""
        if len(self.heads) != len(self.neurons):
            return f" has heads of {len(self.heads)} layers, but neurons of {len(self.neurons)}"
        return "" if self.run_ns and all(self.run_ns) else ".run_ns has a round without times"


Widths = tuple[tuple[int, ...], tuple[int, ...]]
"""Heads and neurons of each layer of a file, bottom first."""


def probe_widths(architecture: Architecture) -> tuple[Widths, ...]:
    """Return the widths of the files that tell apart what each part of a model costs.

    One has no layers, some have the last layer alone, some ``STACK`` equal layers below a last one of middling width.
    Heads change while neurons are middling, and the other way round. In one more stack both are at their greatest:
    where weights that no longer fit a cache make the whole slower than its parts, the parts share that.

    Args:
        architecture: The uncut shape, whose greatest widths are the greatest of the files.
    """
    heads, neurons = _grids(architecture)
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
    rounds: int,
    runs: int,
    progress: Progress,
) -> tuple[tuple[Probe, ...], str]:
    """Return the raw times of int8 files with these widths, and the version of the runtime.

    Each round opens every file in a fresh worker, in another order, so that a slow spell of the machine hits all of
    them alike, and where an allocator happens to put a model averages out. Arguments and errors as for
    ``measure_latency``.
    """
    ids = tuple(np.random.default_rng(0).integers(0, VOCABULARY, length).tolist())
    series = (Series(name=str(length), inputs=(ids,)),)
    with tempfile.TemporaryDirectory(prefix="edgebert-latency-") as folder:
        from edgebert.convert.onnx import write_onnx

        paths = [Path(folder) / f"{index}.onnx" for index in range(len(files))]
        for index, widths in enumerate(files):
            progress("writing files to time", index, len(files))
            with writing(Path(folder), room_hint="free some space, or set TMPDIR"):
                write_onnx(random_weights(architecture, widths, length=length), paths[index], int8=True)
        progress("writing files to time", len(files), len(files))
        requests = [
            Request(file=str(path), runtime=RUNTIME, threads=1, pad_id=0, series=series, warm_up=WARM_UP, runs=runs)
            for path in paths
        ]
        order = [index for turn in range(rounds) for index in np.random.default_rng(turn).permutation(len(files))]
        trials = measure([requests[index] for index in order], progress=progress)
    run_ns: list[list[tuple[int, ...]]] = [[] for _ in files]
    for index, trial in zip(order, trials, strict=True):
        run_ns[index].append(trial.series[0].run_ns)
    probes = (Probe(heads=h, neurons=n, run_ns=tuple(rows)) for (h, n), rows in zip(files, run_ns, strict=True))
    return tuple(probes), trials[0].version


def random_weights(architecture: Architecture, widths: Widths, *, length: int) -> Weights:
    """Return random weights of a model with these widths, whose last layer is cheaper than the others.

    No array is used twice: a converter would store it once, and a cache would hold it longer than a real model's.
    """
    from edgebert.convert.weights import Layer, Linear, Norm, Weights

    rng, hidden = np.random.default_rng(0), architecture.hidden

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

    top, head = len(widths[0]) - 1, head_spec("text-classification", NO_SETTINGS)
    return Weights(
        words=array(VOCABULARY, hidden),
        positions=array(length, hidden),
        embedding_norm=norm(),
        layers=tuple(layer(h, n, last=index == top) for index, (h, n) in enumerate(zip(*widths, strict=True))),
        head=head,
        dense=tuple(linear(*sizes) for sizes in head.shapes(hidden=hidden, labels=2).values()),
        head_dim=architecture.head_dim,
        activation=architecture.activation,
    )


def _grids(architecture: Architecture) -> Widths:
    """Return the head and neuron counts to measure: evenly spaced, the smallest and the greatest included."""
    most_heads, most_neurons = max(architecture.heads), max(architecture.neurons)
    heads = {round(float(count)) for count in np.linspace(1, most_heads, _HEAD_POINTS)}
    # Kernels work on blocks of neurons: only whole ones tell the slope.
    neurons = {round(float(count) / 16) * 16 for count in np.linspace(16, most_neurons, _NEURON_POINTS)}
    return tuple(sorted(heads)), tuple(sorted({n for n in neurons if 0 < n < most_neurons} | {most_neurons}))
