"""Devices made of arithmetic: a simulated clock, heat that slows them down, and faults on demand.

A fake board answers with the logits a real one would (the golden ones of the bundle), so that only times are made up:
one nanosecond a token and a file's ``cost``, times how slow the heat has made it.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from edgebert.bundle import open_bundle
from edgebert.device.board import InstructionCounter
from edgebert.device.device import DeviceFacts, PhoneState
from edgebert.device.protocol import (
    WORKER_SCHEMA,
    Conditions,
    Core,
    HardwareFacts,
    Request,
    Temperature,
    TimedSeries,
    Tokenized,
    Trial,
)
from edgebert.golden import Tensor
from tests.support.tiny_files import logits

COSTS = {"float32": 4e6, "int8": 1e6}
"""Nanoseconds a token of a cold device: the true ratio of float to int8 is 4."""

RUNTIMES = (("litert", "2.3.0"), ("onnxruntime", "1.23.0"))

Fault = Callable[["FakeBoard", Request], None]


class Clock:
    """Simulated seconds, which pass only when somebody works or sleeps."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.slept_s = 0.0

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s += seconds
        self.slept_s += seconds


def hardware(**changes: object) -> HardwareFacts:
    """Return what a worker says of a phone with two classes of cores."""
    facts = HardwareFacts(
        schema=WORKER_SCHEMA,
        machine="aarch64",
        model="Fake SoC",
        system="Linux 6.1.0",
        python="3.11.2",
        cores=tuple(
            Core(number=number, part="Cortex-A55" if number < 4 else "Cortex-A76", max_khz=1_800_000, capacity=capacity)
            for number, capacity in enumerate((400, 400, 400, 400, 1024, 1024))
        ),
        features=("asimd", "asimddp", "fp"),
        memory_bytes=8_000_000_000,
        runtimes=RUNTIMES,
        absent=(),
    )
    return replace(facts, **changes)


class FakeBoard:
    """A device with a worker.

    Args:
        bundle: The bundle whose logits it knows.
        clock: Its clock.
        slowdown: Times slower than cold, by seconds of work minus half the seconds of rest: never below 0.
        celsius: Temperature by the same seconds; ``None`` for a device without a sensor.
        wrong: Offset added to the logits, by file: what a broken kernel does.
        faults: What happens in place of a worker, by the number of the worker, from 0.
        cpu: Emulated CPU.
        facts: What it says of itself.
        ids: What its tokenizer makes of a text; ``None`` for a device without one.
    """

    why_not_counted = ""

    def __init__(
        self,
        bundle: Path,
        clock: Clock | None = None,
        *,
        slowdown: Callable[[float], float] = lambda heat_s: 1.0,
        celsius: Callable[[float], float] | None = None,
        wrong: Mapping[str, float] | None = None,
        faults: Mapping[int, Fault] | None = None,
        cpu: str = "",
        facts: HardwareFacts | None = None,
        ids: Callable[[str], tuple[int, ...]] | None = None,
    ) -> None:
        opened = open_bundle(bundle, check=False)
        roles = ("shipped", "baseline")
        self._logits = {
            role: {window.input_ids: window.outputs["logits"].values for window in opened.golden(role).windows}
            for role in roles
        }
        self._roles = {item.file: item.role for item in opened.manifest.artifacts}
        self._labels = len(opened.manifest.labels)
        self._root = opened.root
        self.clock = clock or Clock()
        self._slowdown, self._celsius = slowdown, celsius
        self._wrong, self._faults = wrong or {}, dict(faults or {})
        self._hardware, self._cpu, self._ids = facts or hardware(), cpu, ids
        self._heat_s, self._last_s = 0.0, self.clock.now_s
        self.requests: list[Request] = []
        self.put_files: list[str] = []
        self.ended: list[str] = []
        self.at_work = threading.Event()
        self.counter: InstructionCounter | None = None

    def facts(self) -> DeviceFacts:
        """Return what the device says of itself."""
        return DeviceFacts(
            name="Fake",
            kind="emulator" if self._cpu else "adb",
            cpu=self._cpu,
            hardware=self._hardware,
            android=None,
            worker="0" * 64,
        )

    def phone_state(self, trial: int) -> PhoneState | None:
        """Say nothing: it is no phone."""
        return None

    def put(self, source: Path) -> str:
        """Remember that a file came, and return its path there."""
        name = source.relative_to(self._root).as_posix()
        self.put_files.append(name)
        return f"/data/{name}"

    def work(self, request: Request, *, timeout_s: float) -> Trial:
        """Run a worker in simulated time, or the fault that is due."""
        number = len(self.requests)
        self.requests.append(request)
        self.at_work.set()
        if number in self._faults:
            self._faults[number](self, request)
        self._cool_down()
        file, started_s = request.file.removeprefix("/data/"), self.clock.now_s
        before = self._conditions("before", 0)
        series = tuple(
            TimedSeries(
                name=one.name,
                tokens=tuple(map(len, one.inputs)),
                fed=tuple(map(len, one.inputs)),
                run_ns=tuple(
                    self._run(file, one.inputs[run % len(one.inputs)], request.threads)
                    for run in range(-request.warm_up, request.runs)
                )[request.warm_up :],
            )
            for one in request.series
        )
        for ids in request.answers:
            self._run(file, ids, request.threads)
        elapsed_ns = round((self.clock.now_s - started_s) * 1e9)
        return Trial(
            schema=WORKER_SCHEMA,
            runtime=request.runtime,
            version=dict(self._hardware.runtimes)[request.runtime],
            python="3.11.2",
            threads=request.threads,
            cores=request.cores or tuple(core.number for core in self._hardware.cores),
            import_ns=0,
            load_ns=0,
            first_ns=series[0].run_ns[0] if series else None,
            series=series,
            answers=tuple(self._answer(file, ids) for ids in request.answers),
            tokenized=self._tokenized(request),
            peak_rss_bytes=100_000_000,
            conditions=(before, self._conditions("after", elapsed_ns)),
            started_s=started_s,
            ended_s=self.clock.now_s,
            elapsed_ns=elapsed_ns,
        )

    def remove_files(self) -> None:
        """Remember that the files were removed."""
        self.ended.append("removed")

    def clean(self) -> None:
        """Remember that everything was removed."""
        self.ended.append("cleaned")

    def close(self) -> None:
        """Remember that it was let go of."""
        self.ended.append("closed")

    def _tokenized(self, request: Request) -> Tokenized | None:
        if self._ids is None or request.tokenizer is None:
            return None
        ids = tuple(map(self._ids, request.texts))
        return Tokenized(version="0.22.0", text_ns=(50_000,) * len(ids), ids=ids)

    def _run(self, file: str, ids: tuple[int, ...], threads: int) -> int:
        cost = COSTS[Path(file).name.partition(".")[0]] * len(ids) / threads
        run_ns = round(cost * self._slowdown(self._heat_s))
        self.clock.now_s += run_ns / 1e9
        self._heat_s += run_ns / 1e9
        self._last_s = self.clock.now_s
        return run_ns

    def _cool_down(self) -> None:
        self._heat_s = max(self._heat_s - 0.5 * (self.clock.now_s - self._last_s), 0.0)
        self._last_s = self.clock.now_s

    def _conditions(self, moment: str, at_ns: int) -> Conditions:
        sensors = () if self._celsius is None else (Temperature(sensor="soc", celsius=self._celsius(self._heat_s)),)
        return Conditions(moment=moment, at_ns=at_ns, temperatures=sensors, energy_uj=(("package", at_ns // 1000),))

    def _answer(self, file: str, ids: tuple[int, ...]) -> dict[str, Tensor]:
        known = self._logits[self._roles[file]].get(ids)
        if known is None:
            seed = hashlib.sha256(repr(ids).encode()).digest()
            known = tuple(seed[label] / 255 for label in range(self._labels))
        return logits(value + self._wrong.get(file, 0.0) for value in known)


class FakePhone(FakeBoard):
    """A board that says how it fares, as a phone does."""

    def phone_state(self, trial: int) -> PhoneState:
        """Return the temperature of its skin."""
        self._cool_down()
        celsius = 30.0 if self._celsius is None else self._celsius(self._heat_s)
        return PhoneState(
            trial=trial,
            battery_percent=80,
            thermal_status=0,
            temperatures=(Temperature(sensor="skin", celsius=celsius),),
        )


class FakeCounter(FakeBoard):
    """An emulated CPU that counts: a thousand instructions a token and nanosecond of cost."""

    def __init__(self, bundle: Path, **options: object) -> None:
        super().__init__(bundle, **options)
        self.counter = self.count

    def count(self, request: Request, timeout_s: float) -> tuple[Trial, tuple[tuple[str, float], ...]]:
        """Run a worker and return its instructions, three quarters of them dot products."""
        trial = self.work(request, timeout_s=timeout_s)
        instructions = len(request.series[0].inputs[0]) * COSTS[Path(request.file).name.partition(".")[0]]
        return trial, (("sdot", 0.75 * instructions), ("ldr", 0.25 * instructions))


class FakeUncounted(FakeBoard):
    """An emulated CPU whose instructions cannot be counted on this machine."""

    why_not_counted = "instructions cannot be counted here: no compiler"
