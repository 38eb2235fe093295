from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert import jsonio
from edgebert.device.protocol import WORKER_SCHEMA, Core, HardwareFacts
from edgebert.ondevice.hardware import core_name, parse_cpuinfo, parse_memory
from edgebert.ondevice.session import PACKAGES, RUNTIMES
from edgebert.runtime import installed_version

GOLDEN = Path(__file__).parents[1] / "golden" / "cpuinfo"
NAMES = ("processor", "Features", "flags", "CPU implementer", "CPU part", "Model", "Hardware", "model name")


def described(*root: str) -> HardwareFacts:
    """Describe in a fresh process, as a device does: the worker forks, which a process with threads must not."""
    words = (
        "import json, sys; from edgebert.ondevice.hardware import describe; print(json.dumps(describe(*sys.argv[1:])))"
    )
    done = subprocess.run([sys.executable, "-c", words, *root], capture_output=True, text=True, check=True, timeout=300)
    return jsonio.from_plain(HardwareFacts, json.loads(done.stdout), source="worker")


def transcript(name: str) -> str:
    return (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "model", "parts"),
    [
        ("raspberry-pi-4", "Raspberry Pi 4 Model B Rev 1.1", ["Cortex-A72"] * 4),
        ("raspberry-pi-5", "Raspberry Pi 5 Model B Rev 1.0", ["Cortex-A76"] * 4),
        ("pixel", "", ["Cortex-A510"] * 4 + ["Cortex-A715"] * 4 + ["Cortex-X3"]),
        ("snapdragon", "Qualcomm Technologies, Inc SM8150", ["Kryo 4xx Silver"] * 4 + ["Kryo 4xx Gold"] * 4),
        ("mediatek", "MT6785V/CC", ["Cortex-A55"] * 6 + ["Cortex-A76"] * 2),
        ("armv7-old-kernel", "Example Board", ["Cortex-A7"] * 2),
        ("x86", "Example Processor @ 2.00GHz", []),
    ],
)
def test_every_form_of_cpuinfo_names_the_board_and_its_cores(name: str, model: str, parts: list[str]):
    """Each vendor's form gives the model and, on ARM, the type of each processor by its number."""
    found = parse_cpuinfo(transcript(name))
    assert found.model == model
    assert found.parts == dict(enumerate(parts))


@pytest.mark.parametrize(
    ("name", "there", "missing"),
    [
        ("raspberry-pi-4", {"asimd"}, {"asimddp", "i8mm"}),
        ("raspberry-pi-5", {"asimd", "asimddp"}, {"i8mm"}),
        ("pixel", {"asimddp", "i8mm", "bf16", "sve"}, {"sme"}),
        ("armv7-old-kernel", {"neon"}, {"asimd"}),
        ("x86", {"avx512_vnni"}, {"amx_int8", "asimd"}),
    ],
)
def test_features_are_those_that_every_processor_has(name: str, there: set[str], missing: set[str]):
    """Features are sorted, and one that only some processors list is left out."""
    features = parse_cpuinfo(transcript(name)).features
    assert there <= set(features)
    assert not missing & set(features)
    assert list(features) == sorted(set(features))


def test_no_serial_number_is_told():
    """What identifies one single device stays on it."""
    text = transcript("raspberry-pi-4").replace("0000000000000000", "10000000deadbeef")
    assert "deadbeef" in text
    assert "deadbeef" not in str(parse_cpuinfo(text))


def test_the_architecture_is_no_name_of_a_board():
    """ARM kernels call every processor of a kind the same; only an x86 processor's name is one."""
    line = "model name\t: ARMv8 Processor rev 1 (v8l)\n"
    assert parse_cpuinfo(transcript("pixel").replace("BogoMIPS", line + "BogoMIPS")).model == ""
    assert parse_cpuinfo("processor\t: 0\n" + line).model == "ARMv8 Processor rev 1 (v8l)"


def test_every_transcript_is_used():
    """The folder holds no transcript that no test reads."""
    used = {"raspberry-pi-4", "raspberry-pi-5", "pixel", "snapdragon", "mediatek", "armv7-old-kernel", "x86"}
    assert {path.stem for path in GOLDEN.glob("*.txt")} == used


@pytest.mark.parametrize(
    ("implementer", "part", "name"),
    [
        ("0x41", "0xd03", "Cortex-A53"),
        ("0x41", "0xD0B", "Cortex-A76"),
        ("0x41", "0xd0c", "Neoverse-N1"),
        ("0x41", "0xd82", "Cortex-X4"),
        ("0x51", "0x001", "Oryon"),
        ("0x61", "0x023", "Firestorm"),
        ("0x41", "0xfff", "0x41/0xfff"),
        ("0x7", "0x1", "0x07/0x001"),
        ("", "0xd03", ""),
        ("0x41", "Cortex", ""),
        ("0x41", "٠", ""),
    ],
)
def test_a_core_has_its_name_or_else_its_numbers(implementer: str, part: str, name: str):
    """Known cores have names, unknown ones show both numbers, and what is no number is no core."""
    assert core_name(implementer, part) == name


@given(
    st.one_of(
        st.text(),
        st.lists(st.tuples(st.sampled_from([*NAMES, ""]), st.text())).map(
            lambda pairs: "\n".join(f"{name}\t: {value}" for name, value in pairs)
        ),
    )
)
def test_no_text_makes_the_parsers_raise(text: str):
    """Whatever a kernel prints, there is a value of the right shape."""
    found = parse_cpuinfo(text)
    assert all(type(number) is int and isinstance(part, str) for number, part in found.parts.items())
    assert len(found.model) <= 80
    assert "\n" not in found.model
    assert parse_memory(text) is None or parse_memory(text) >= 0


@given(st.text(), st.text())
def test_core_names_never_raise(implementer: str, part: str):
    """Any two texts are a name, numbers or nothing."""
    assert isinstance(core_name(implementer, part), str)


@given(st.integers(0, 10**9), st.text(alphabet="abc: kB0\n"))
def test_memory_is_the_line_memtotal(kilobytes: int, rest: str):
    """Bytes are the kilobytes of ``MemTotal``, whatever stands around that line."""
    text = f"MemFree:        12 kB\nMemTotal:       {kilobytes} kB\n{rest}\n"
    assert parse_memory(text) == kilobytes * 1024
    assert parse_memory(text.replace("MemTotal", "MemTotally")) is None


def board(root: Path, *, cpuinfo: str, online: str) -> Path:
    """Lay out what the kernel of a board shows."""
    files = {
        "proc/cpuinfo": cpuinfo,
        "proc/meminfo": "MemTotal:        3884380 kB\nMemFree: 1 kB\n",
        "proc/device-tree/model": "Example Board 7\0",
        "sys/devices/system/cpu/online": f"{online}\n",
        "sys/devices/system/cpu/cpu2/cpufreq/cpuinfo_max_freq": "1800000\n",
        "sys/devices/system/cpu/cpu2/cpu_capacity": "1024\n",
        "sys/devices/system/cpu/cpu3/cpufreq/cpuinfo_max_freq": "unknown\n",
    }
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content, encoding="utf-8")
    return root


def test_a_board_is_described_from_its_files(tmp_path: Path):
    """Cores are those switched on, with type, frequency and capacity where known; the device tree names the board."""
    facts = described(str(board(tmp_path, cpuinfo=transcript("raspberry-pi-4"), online="0,2-3")))
    assert facts.model == "Example Board 7"
    assert facts.memory_bytes == 3884380 * 1024
    assert facts.features == ("asimd", "cpuid", "crc32", "evtstrm", "fp")
    assert facts.cores == (
        Core(number=0, part="Cortex-A72", max_khz=None, capacity=None),
        Core(number=2, part="Cortex-A72", max_khz=1800000, capacity=1024),
        Core(number=3, part="Cortex-A72", max_khz=None, capacity=None),
    )


def test_an_empty_system_is_described_too(tmp_path: Path):
    """Where nothing can be read the rest is said all the same, and processors are counted."""
    facts = described(str(tmp_path))
    assert (facts.model, facts.features, facts.memory_bytes) == ("", (), None)
    assert [core.number for core in facts.cores] == list(range(os.cpu_count() or 1))


def test_this_machine_is_described():
    """Machine, system, Python and schema are this machine's; each runtime is there or absent with a reason."""
    facts = described()
    assert facts.schema == WORKER_SCHEMA
    assert (facts.machine, facts.python) == (platform.machine(), platform.python_version())
    assert facts.system == f"{platform.system()} {platform.release()}"
    assert dict(facts.runtimes) == {name: installed_version(name) for name in PACKAGES if installed_version(name)}
    assert sorted([*dict(facts.runtimes), *dict(facts.absent)]) == sorted(RUNTIMES)
    assert all(dict(facts.absent).values())


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", "importing it ends the process: SIGILL"),
        ("raise AttributeError('_ARRAY_API not found\\nand more')", "_ARRAY_API not found"),
        ("raise ValueError", "ValueError"),
        ("raise SystemExit('bye')", "importing it ends the process"),
        ("", "module 'onnxruntime' has no attribute 'disable_telemetry_events'"),
    ],
    ids=["kills", "raises", "raises-silently", "exits", "is-empty"],
)
def test_a_runtime_that_does_not_import_is_absent(code: str, reason: str, tmp_path: Path):
    """A package that raises, exits or is ended by the processor is absent with its reason."""
    (tmp_path / "onnxruntime.py").write_text(code, encoding="utf-8")
    words = "from edgebert.ondevice.hardware import describe; print(dict(describe()['absent'])['onnxruntime'])"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])}
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == reason
