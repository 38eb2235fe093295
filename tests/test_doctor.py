from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from edgebert import doctor
from edgebert.doctor import Finding, Installed, findings
from edgebert.errors import install_line

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
VNNI = "x86_64 avx2 avx512_vnni"


def edgebert_package() -> Installed:
    """Return edgebert as its metadata is written from pyproject.toml."""
    requires = list(PROJECT["dependencies"])
    for extra, texts in PROJECT["optional-dependencies"].items():
        for text in texts:
            needed = Requirement(text)
            marker = f'extra == "{extra}"' + (f" and ({needed.marker})" if needed.marker else "")
            needed.marker = None
            requires.append(f"{needed}; {marker}")
    return Installed(version=PROJECT["version"], requires=tuple(requires))


def environment(**versions: str) -> dict[str, Installed]:
    """Return an environment with edgebert, its core requirements, and more packages (underscores for hyphens)."""
    core = {
        "numpy": "2.4.6",
        "packaging": "26.3",
        "rich": "15.0.0",
        "scipy": "1.17.1",
        "tokenizers": "0.23.3",
        "typer": "0.29.2",
    }
    given_versions = {name.replace("_", "-"): version for name, version in versions.items()}
    packages = {name: Installed(version=version) for name, version in (core | given_versions).items()}
    return packages | {"edgebert": edgebert_package()}


def diagnosis(packages: dict[str, Installed], *, python: str = "3.11.7", cpu: str = VNNI) -> dict[str, Finding]:
    """Return the findings by topic, each topic once."""
    found = findings(packages, python=python, cpu=cpu)
    assert len({one.topic for one in found}) == len(found)
    return {one.topic: one for one in found}


def clashes(found: dict[str, Finding]) -> dict[str, Finding]:
    return {topic: one for topic, one in found.items() if one.status == "clash"}


TORCH_STACK = {
    "huggingface_hub": "2.4.0",
    "matplotlib": "3.11.2",
    "safetensors": "0.8.0",
    "torch": "2.13.0+cpu",
    "transformers": "5.23.0",
}


def test_this_environment_has_no_clash_and_reports_true_versions():
    """In the environment of the tests nothing clashes, and each runtime found has the version of its metadata."""
    found = {one.topic: one for one in doctor.diagnose()}
    assert clashes(found) == {}
    for name, package in doctor.PACKAGES.items():
        one = found[f"runtime {name}"]
        try:
            assert one.detail == f"{package} {metadata.version(package)}"
            assert one.status == "ok"
        except metadata.PackageNotFoundError:
            assert one.status == "absent"


def test_real_metadata_is_read_with_requirements():
    """What numpy's distribution says is what importing numpy says, and the runtime that requires it is read in full."""
    packages = doctor.installed_packages()
    assert packages["numpy"].version == np.__version__
    assert any(Requirement(text).name == "numpy" for text in packages["onnxruntime"].requires)


def test_the_extras_described_are_extras_of_the_project():
    """Each extra that doctor describes can be installed."""
    assert set(doctor.EXTRAS) <= set(PROJECT["optional-dependencies"])


def test_a_bare_installation_names_every_missing_piece_with_its_pip_line():
    """Without any extra, runtimes and extras are absent, not clashing, and each says how it is installed."""
    found = diagnosis(environment())
    assert clashes(found) == {}
    assert found["runtime onnxruntime"].hint == install_line("runtimes")
    assert found["extra train"].status == "absent"
    assert "accelerate" in found["extra train"].detail
    assert found["extra train"].hint == install_line("train")
    assert "accelerate" in found["extra demo"].detail, "an extra that names other extras needs theirs too"
    assert "telemetry" not in found


def test_a_complete_extra_is_told_with_its_versions():
    """An extra is ok when all of its packages are there."""
    found = diagnosis(environment(accelerate="1.15.0", datasets="5.2.0", **TORCH_STACK))
    assert found["extra train"].status == "ok"
    assert "transformers 5.23.0" in found["extra train"].detail
    assert clashes(found) == {}, "a local version such as +cpu satisfies the same bounds"


def test_telemetry_is_told_where_onnx_runtime_is():
    """Whoever installs ONNX Runtime reads that its telemetry is turned off."""
    assert "ORT_DISABLE_TELEMETRY" in diagnosis(environment(onnxruntime="1.31.1"))["telemetry"].detail


def test_transformers_that_optimum_refuses_is_a_clash_with_an_environment_of_its_own_as_mend():
    """optimum-onnx beside transformers 5 is a clash, though edgebert itself admits both."""
    packages = environment(onnxruntime="1.31.1", optimum_onnx="0.1.0", **TORCH_STACK)
    packages["optimum-onnx"] = Installed(version="0.1.0", requires=("transformers<4.58.0,>=4.36",))
    (one,) = clashes(diagnosis(packages)).values()
    assert one.topic == "package transformers"
    assert "optimum-onnx needs transformers<4.58.0,>=4.36" in one.detail
    assert "5.23.0" in one.detail
    assert ".venv-optimum" in one.hint


def test_a_package_outside_edgebert_s_own_range_is_a_clash_even_when_its_extra_is_incomplete():
    """transformers 6 alone clashes with edgebert's range, and the hint is pip's line for that range."""
    (one,) = clashes(diagnosis(environment(transformers="6.0.0"))).values()
    assert "edgebert needs transformers<6,>=4.57" in one.detail
    assert one.hint == "pip install 'transformers<6,>=4.57'"


def test_the_mend_of_a_clash_meets_the_bounds_of_everyone_who_asks():
    """A torch outside litert-torch's bounds is mended by a line that keeps edgebert's bounds too."""
    packages = environment(torch="2.16.0")
    packages["litert-torch"] = Installed(version="0.10.0", requires=("torch<2.15.0,>=2.4.0", "torch<2; extra == 'old'"))
    one = clashes(diagnosis(packages))["package torch"]
    bounds = Requirement(one.hint.removeprefix("pip install '").removesuffix("'")).specifier
    assert "2.13.0" in bounds
    assert "2.16.0" not in bounds
    assert "2.5.0" not in bounds


def test_the_old_interpreter_clashes_with_numpy_2_and_only_when_it_is_there():
    """numpy 2 is right without tflite-runtime and wrong with it, whatever tflite-runtime's own metadata admit."""
    assert clashes(diagnosis(environment())) == {}
    (one,) = clashes(diagnosis(environment(tflite_runtime="2.14.0"))).values()
    assert "tflite-runtime needs numpy<2" in one.detail
    assert ".venv-tflite-runtime" in one.hint
    assert clashes(diagnosis(environment(tflite_runtime="2.14.0", numpy="1.26.4"))) == {}


def test_the_old_interpreter_knows_no_python_after_3_11():
    """On Python 3.12 tflite-runtime is a clash when it is there, and cannot be had by pip when it is not."""
    there = diagnosis(environment(tflite_runtime="2.14.0", numpy="1.26.4"), python="3.12.1")
    assert there["runtime tflite-runtime"].status == "clash"
    absent = diagnosis(environment(), python="3.13.0")["runtime tflite-runtime"]
    assert absent.status == "absent"
    assert "3.11" in absent.hint
    assert "pip install" not in absent.hint


def test_a_requirement_that_is_not_installed_is_a_clash():
    """A package whose own requirement is gone is named with the pip line that brings it back."""
    packages = environment()
    packages["onnxruntime"] = Installed(version="1.31.1", requires=("flatbuffers", "not a requirement !"))
    (one,) = clashes(diagnosis(packages)).values()
    assert one.detail == "onnxruntime needs flatbuffers, but it is not installed"
    assert one.hint == "pip install 'flatbuffers'"


def test_a_folder_that_is_not_installed_is_said_to_be_so():
    """Run from a checkout without installation, doctor reports the runtimes and says why it knows no extras."""
    packages = environment(onnxruntime="1.31.1")
    del packages["edgebert"]
    found = diagnosis(packages)
    assert found["edgebert"].status == "warning"
    assert found["runtime onnxruntime"].status == "ok"
    assert not any(topic.startswith("extra ") for topic in found)


@pytest.mark.parametrize(
    ("cpu", "status"),
    [
        ("x86_64 avx2", "warning"),
        ("x86_64", "warning"),
        ("AMD64 avx2", "warning"),
        ("x86_64 avx2 avx_vnni", "ok"),
        ("x86_64 avx2 avx512_vnni amx_int8", "ok"),
        ("aarch64", "ok"),
        ("aarch64 asimddp i8mm", "ok"),
        ("arm64", "ok"),
        ("riscv64", "warning"),
        ("", "warning"),
    ],
)
def test_only_a_cpu_with_exact_int8_products_is_trusted(cpu: str, status: str):
    """x86 is trusted with VNNI or AMX alone, ARM always, and an unknown machine never."""
    assert diagnosis(environment(), cpu=cpu)["cpu"].status == status


def test_an_arm_core_is_told_by_what_makes_int8_fast():
    """The dot product and matrix instructions of an ARM core are named, and so is their lack."""
    assert "i8mm" in diagnosis(environment(), cpu="aarch64 asimddp i8mm")["cpu"].detail
    assert "gains little" in diagnosis(environment(), cpu="aarch64")["cpu"].detail


NAMES = sorted({canonicalize_name(Requirement(text).name) for text in edgebert_package().requires} - {"edgebert"})
VERSIONS = st.sampled_from(["0.1.0", "0.22.0", "1.26.4", "2.13.0+cpu", "4.57.6", "5.23.0", "26.3", "3.0rc1"])


@given(
    versions=st.dictionaries(st.sampled_from(NAMES), VERSIONS),
    python=st.sampled_from(["3.11.0", "3.12.4", "3.14.0rc1"]),
    cpu=st.sampled_from(["", VNNI, "x86_64", "aarch64 asimddp"]),
)
def test_whatever_is_installed_each_problem_has_a_mend_and_each_clash_is_real(versions, python, cpu):
    """For any set of versions: a finding that is not ok says what to do, and only a violated bound is a clash."""
    packages = {name: Installed(version=version) for name, version in versions.items()}
    found = diagnosis(packages | {"edgebert": edgebert_package()}, python=python, cpu=cpu)
    for topic, one in found.items():
        assert bool(one.hint) == (one.status != "ok")
        if topic.startswith("package "):
            name = topic.removeprefix("package ")
            bounds = [r.specifier for r in map(Requirement, edgebert_package().requires) if r.name == name]
            assert name not in versions or not all(one.contains(versions[name], prereleases=True) for one in bounds)
