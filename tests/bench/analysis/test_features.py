from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.bench.analysis.features import core_numbers, what_int8_gains
from edgebert.device.protocol import Core
from edgebert.errors import UsageError
from tests.support.fake_devices import hardware


@pytest.mark.parametrize(
    ("features", "word", "not_word"),
    [
        (("asimd", "fp"), "no asimddp", "i8mm"),
        (("asimd", "asimddp"), "sdot", "smmla"),
        (("asimd", "asimddp", "i8mm"), "smmla", "sve"),
        (("asimd", "asimddp", "i8mm", "sve", "sve2"), "sve", "sme"),
        (("asimddp", "i8mm", "smei8i32", "sme"), "sme", "sve"),
    ],
)
def test_arm_features_decide_the_sentence(features, word, not_word):
    """The sentence names the feature that int8 kernels of this CPU use, and none that it lacks."""
    sentence = what_int8_gains(hardware(features=features))
    assert word in sentence
    assert not_word not in sentence


def test_an_x86_cpu_is_never_called_a_proxy():
    """The sentence says that an x86 CPU does not stand for a phone, and without VNNI that it saturates."""
    with_vnni = what_int8_gains(hardware(machine="x86_64", features=("avx2", "avx512_vnni")))
    without = what_int8_gains(hardware(machine="x86_64", features=("avx2",)))
    assert "avx512_vnni" in with_vnni
    assert "phone" in with_vnni
    assert "saturate" in without
    assert "saturate" not in with_vnni
    assert "proxy" in what_int8_gains(hardware(machine="x86_64", features=()))


@given(st.text(max_size=10), st.lists(st.text(max_size=8)))
def test_any_machine_gets_a_sentence(machine, features):
    """There is one line for every machine, however strange."""
    sentence = what_int8_gains(hardware(machine=machine, features=tuple(features)))
    assert sentence.endswith(".")
    assert "\n" not in sentence or "\n" in machine


def cores(*strengths):
    return tuple(
        Core(number=number, part="", max_khz=khz, capacity=capacity) for number, (capacity, khz) in enumerate(strengths)
    )


def test_big_and_little_go_by_capacity():
    """The highest capacity is big and the lowest little, also where a middle class exists."""
    facts = hardware(cores=cores((300, 1), (300, 2), (700, 9), (1024, 3)))
    assert core_numbers("big", facts) == (3,)
    assert core_numbers("little", facts) == (0, 1)


def test_frequency_decides_where_capacity_does_not():
    """Without capacities, or with equal ones, the highest frequency tells the classes apart."""
    assert core_numbers("big", hardware(cores=cores((None, 1_800_000), (None, 2_400_000)))) == (1,)
    assert core_numbers("little", hardware(cores=cores((1024, 1_800_000), (1024, 2_400_000)))) == (0,)
    assert core_numbers("big", hardware(cores=cores((None, 1_800_000), (1024, 2_400_000)))) == (1,)


@pytest.mark.parametrize(
    ("strengths", "words"),
    [
        (((1024, 2), (1024, 2)), "all 2 cores are equal"),
        (((None, None), (None, None)), "neither capacity nor frequency"),
        (((None, 5), (None, None)), "neither capacity nor frequency"),
        ((), "neither capacity nor frequency"),
    ],
)
def test_equal_or_unknown_cores_have_no_class(strengths, words):
    """Where cores are equal or say nothing, big and little are refused, and the hint says what to do."""
    with pytest.raises(UsageError, match=words) as refused:
        core_numbers("big", hardware(cores=cores(*strengths)))
    assert "--cores 0,1" in refused.value.hint


def test_numbers_must_be_online():
    """Numbers are taken in ascending order; one that is not online is refused by number."""
    facts = hardware(cores=cores((1, 1), (1, 1), (1, 1)))
    assert core_numbers("2,0", facts) == (0, 2)
    assert core_numbers("", facts) == ()
    with pytest.raises(UsageError, match="no core 7 online") as refused:
        core_numbers("0,7", facts)
    assert "0, 1, 2" in refused.value.hint
