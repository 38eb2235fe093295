"""What heads and neurons cost in measured time: small files of random weights are timed, and their times taken apart.

The model is additive: a text takes a fixed time, and each layer adds one time for its heads and one for its neurons. A
table holds nothing but the raw times of the files that were measured; everything else is derived from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from edgebert.architecture import Architecture
from edgebert.arguments import Positive
from edgebert.errors import UsageError
from edgebert.heads import Reads
from edgebert.jsonio import dumps, parse, read
from edgebert.ondevice.session import cpu_name
from edgebert.outputs import FileKind, write_output
from edgebert.progress import Progress, silent
from edgebert.pruning.cost import Costs, part_times
from edgebert.pruning.probes import RUNTIME, VOCABULARY, Probe, check_widths, probe_widths, time_files
from edgebert.recipe import Format
from edgebert.staging import writing

SCHEMA = 1
_AGAIN = "measure the table again"


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyTable:
    """The raw times of one device at one length: what ``write_table`` and ``read_table`` carry.

    Attributes:
        schema: Version of this record.
        device: Instruction set of the CPU, as in ``x86_64 avx512_vnni``.
        runtime: Runtime that ran the files.
        runtime_version: Its version.
        format: Format of the files.
        precision: Precision of their weights.
        threads: Threads of one inference.
        length: Tokens of the input.
        hidden: Width of the residual stream.
        head_dim: Width of an attention head.
        activation: Feed-forward activation.
        probes: Files that the time of every part is derived from.
        checks: Files that take no part in that, the uncut model first: how well they are predicted tells how good the
            table is.
    """

    schema: int
    device: str
    runtime: str
    runtime_version: str
    format: Format
    precision: Literal["int8"]
    threads: Positive
    length: Positive
    hidden: Positive
    head_dim: Positive
    activation: Literal["gelu", "relu"]
    probes: tuple[Probe, ...]
    checks: tuple[Probe, ...]


def latency_costs(table: LatencyTable, architecture: Architecture, reads: Reads = "first") -> Costs:
    """Return what every width of every layer of a model costs, in nanoseconds.

    Args:
        table: Measured times.
        architecture: The uncut shape.
        reads: Which rows the head reads: where it is the first alone, the last layer is a cheaper one.

    Raises:
        UsageError: The table was measured for another kind of model, or up to smaller widths.
    """
    hint = "measure a table for this model"
    unlike = [
        f"{name} {getattr(table, name)} (the model: {getattr(architecture, name)})"
        for name in ("hidden", "head_dim", "activation")
        if getattr(table, name) != getattr(architecture, name)
    ]
    if unlike:
        raise UsageError(f"the latency table is for {', '.join(unlike)}", hint=hint)
    parts = part_times(table.probes)
    heads, neurons = [], []
    for layer, widths in enumerate(zip(architecture.heads, architecture.neurons, strict=True)):
        last = reads == "first" and layer == architecture.layers - 1
        grids = (parts.last_heads, parts.last_neurons) if last else (parts.heads, parts.neurons)
        for name, width, grid in zip(("heads", "neurons"), widths, grids, strict=True):
            if width > grid.counts[-1]:
                ends = f"the latency table ends at {grid.counts[-1]} {name}"
                raise UsageError(f"{ends}; layer {layer} of the model has {width}", hint=hint)
        heads.append(grids[0].at(np.arange(widths[0] + 1)))
        heads[-1][0] = 0.0
        neurons.append(grids[1].at(np.arange(widths[1] + 1)))
    return Costs(fixed=parts.fixed_ns, heads=tuple(heads), neurons=tuple(neurons))


def prediction_errors(table: LatencyTable) -> tuple[float, ...]:
    """Return how far off the prediction for each of the table's checks is, as in 0.05 for 5 % too slow."""
    return tuple(latency_costs(table, _shape(table, check)).full / check.quickest_ns - 1.0 for check in table.checks)


def write_table(table: LatencyTable, path: Path) -> None:
    """Write a table as JSON, whole or not at all; an older table at ``path`` is replaced.

    Raises:
        OutputError: The file cannot be written, or it is something else than a table.
        EnvironmentProblem: The disk is full.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_output(path, dumps(table).encode(), TABLE, force=True)


def _is_table(path: Path) -> bool:
    try:
        plain = parse(path.read_text(encoding="utf-8"), source=str(path))
    except (UsageError, UnicodeDecodeError):
        return False
    return isinstance(plain, dict) and {"schema", "probes", "checks"} <= plain.keys()


TABLE = FileKind(name="a latency table of edgebert prune", is_one=_is_table)


def read_table(path: Path) -> LatencyTable:
    """Return the table in a file that ``write_table`` made, here or on another device.

    Raises:
        UsageError: The file cannot be read, is no such table, or is of a newer schema.
    """
    table = read(LatencyTable, path, what="latency table", newest=SCHEMA, hint=_AGAIN)
    for group in ("probes", "checks"):
        for index, probe in enumerate(getattr(table, group)):
            if problem := probe.problem:
                raise UsageError(f"{path}: {group}[{index}]{problem}", hint=_AGAIN)
    try:
        part_times(table.probes)
    except UsageError as error:
        raise UsageError(f"{path}: {error.message}", hint=error.hint) from error
    return table


def measure_latency(
    architecture: Architecture,
    *,
    length: int,
    rounds: int = 5,
    runs: int = 20,
    progress: Progress = silent,
) -> LatencyTable:
    """Return the measured times of int8 ONNX files of this kind of model, on this machine, with one thread.

    How they are chosen and timed is told in ``probes``.

    Args:
        architecture: The uncut shape.
        length: Tokens of the input, at most the model's positions.
        rounds: Times each file is opened.
        runs: Inferences that count each time.
        progress: Told about files written and timed.

    Raises:
        MissingExtraError: A package that writes or runs the files is missing.
        EnvironmentProblem: The files find no room on the disk, or a worker does not run.
        CheckFailed: The runtime fails on a file.
    """
    probes, checks = probe_widths(architecture), check_widths(architecture)
    timed, version = time_files(
        architecture, (*probes, *checks), length=length, rounds=rounds, runs=runs, progress=progress
    )
    return LatencyTable(
        schema=SCHEMA,
        device=cpu_name(),
        runtime=RUNTIME,
        runtime_version=version,
        format="onnx",
        precision="int8",
        threads=1,
        length=length,
        hidden=architecture.hidden,
        head_dim=architecture.head_dim,
        activation=architecture.activation,
        probes=timed[: len(probes)],
        checks=timed[len(probes) :],
    )


def _shape(table: LatencyTable, probe: Probe) -> Architecture:
    return Architecture(
        hidden=table.hidden,
        head_dim=table.head_dim,
        heads=probe.heads,
        neurons=probe.neurons,
        vocabulary=VOCABULARY,
        positions=table.length,
        activation=table.activation,
    )
