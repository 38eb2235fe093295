from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.benchmarking.suite import Suite, core_numbers, load_suite, merged
from edgebert.device.protocol import Core
from edgebert.errors import UsageError
from tests.support.fake_devices import hardware


def write(folder, text):
    path = folder / "suite.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_empty_file_is_the_default_suite(tmp_path):
    """What a file leaves out has its default."""
    assert load_suite(write(tmp_path, "")) == Suite()


def test_every_key_is_read(tmp_path):
    """A file that names every field gives exactly that suite."""
    text = """
        threads = [1, 4]
        runs = 50
        warm_up = 5
        processes = 10
        eval_samples = "all"
        float_accuracy = false
        cores = "big"
        series_texts = 8
        cool_celsius = 3
        cool_wait_s = 20.5
        seed = 7
    """
    wanted = Suite(
        threads=(1, 4),
        runs=50,
        warm_up=5,
        processes=10,
        accuracy=None,
        float_accuracy=False,
        cores="big",
        series_texts=8,
        cool_celsius=3.0,
        cool_wait_s=20.5,
        seed=7,
    )
    assert load_suite(write(tmp_path, text)) == wanted
    assert all(f"{field.name} =" in text for field in fields(Suite) if field.name != "accuracy")


def test_the_former_name_of_eval_samples_is_read(tmp_path, caplog):
    """`accuracy = 5` means the same, and a note gives the present name; both at once are refused."""
    with caplog.at_level("INFO", logger="edgebert"):
        assert load_suite(write(tmp_path, "accuracy = 5")) == load_suite(write(tmp_path, "eval_samples = 5"))
    assert [message.partition(": ")[2] for message in caplog.messages] == [
        "accuracy is now eval_samples; the old name works until the next release"
    ]
    with pytest.raises(UsageError, match="former name"):
        load_suite(write(tmp_path, "accuracy = 5\neval_samples = 5"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("run = 3", "unknown key 'run'"),
        ("runs = 0", "runs is 0"),
        ("runs = 1.5", "runs"),
        ("runs = true", "runs"),
        ("threads = []", "threads"),
        ("threads = 4", "threads"),
        ("threads = [1, 1]", "distinct"),
        ("threads = [65]", "threads is 65"),
        ("threads = [0]", "threads is 0"),
        ("warm_up = -1", "warm_up is -1"),
        ("processes = 0", "processes is 0"),
        ("accuracy = -5", "accuracy is -5"),
        ("eval_samples = -5", "eval_samples is -5"),
        ("eval_samples = true", "eval_samples is True"),
        ("eval_samples = 'some'", "eval_samples is 'some'"),
        ("accuracy = 'some'", "accuracy"),
        ("cores = 'medium'", "cores is 'medium'"),
        ("cores = '0,0'", "cores is '0,0'"),
        ("cores = '0,'", "cores is '0,'"),
        ("cool_celsius = -1", "cool_celsius is -1"),
        ("cool_wait_s = inf", "cool_wait_s"),
        ("cool_wait_s = 4000", "cool_wait_s is 4000"),
        ("series_texts = 0", "series_texts is 0"),
        ("seed = -1", "seed is -1"),
        ("runs = ", "not TOML"),
    ],
)
def test_what_cannot_be_carried_out_is_refused_by_name(tmp_path, text, words):
    """A malformed file is refused in a line that names file, key and value."""
    path = write(tmp_path, text)
    with pytest.raises(UsageError) as refused:
        load_suite(path)
    assert str(path) in refused.value.message
    assert words in refused.value.message


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    """A missing file and one that is no UTF-8 are refused by name."""
    with pytest.raises(UsageError, match=r"nothing\.toml: the suite cannot be read"):
        load_suite(tmp_path / "nothing.toml")
    path = tmp_path / "latin.toml"
    path.write_bytes(b"cores = '\xe4'")
    with pytest.raises(UsageError, match="not UTF-8 at byte 9"):
        load_suite(path)


def test_options_replace_only_what_they_name():
    """The command line changes the fields that it names, and leaves the rest of the suite alone."""
    suite = Suite(runs=50, processes=4, accuracy=10)
    assert merged(suite) == suite
    assert merged(suite, runs=7) == replace(suite, runs=7)
    assert merged(suite, threads=(2,), warm_up=0, processes=1, accuracy="all", cores="0,3") == replace(
        suite, threads=(2,), warm_up=0, processes=1, accuracy=None, cores="0,3"
    )
    assert merged(suite, accuracy="0").accuracy == 0


@pytest.mark.parametrize("accuracy", ["", "-1", "1.5", "half", "٣", "1" * 30])
def test_accuracy_is_a_number_or_all(accuracy):
    """Anything else is refused with the option's name."""
    with pytest.raises(UsageError, match="--eval-samples is"):
        merged(Suite(), accuracy=accuracy)


def test_options_are_checked():
    """An option out of range is refused as the same value in a file is."""
    with pytest.raises(UsageError, match="runs is 0, not from 1 to 100000"):
        merged(Suite(), runs=0)


@given(st.text(max_size=8))
def test_any_text_for_cores_is_taken_or_refused(cores):
    """Whatever is given for cores, it is either usable later or refused now."""
    try:
        Suite(cores=cores)
    except UsageError:
        return
    assert cores in ("", "big", "little") or sorted(map(int, cores.split(",")))


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
