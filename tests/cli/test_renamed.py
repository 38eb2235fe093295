"""Former names of commands, options and recipes: each does what the present one does, with one line that names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebert import load_recipe
from edgebert.cli.renamed import OPTIONS, present_command, present_options
from edgebert.errors import RecipeError
from edgebert.recipe import FORMER_NAMES, built_in_recipes, recipe_text
from tests.support import fakes
from tests.support.commands import COMMANDS

FORMER = [(command, former, present) for command, names in OPTIONS.items() for former, present in names.items()]


@pytest.mark.parametrize(("command", "former", "present"), FORMER)
def test_a_former_option_stands_for_present_ones(cli, command: str, former: str, present: tuple[str, ...]):
    """The present names are options of the command, the former is none, and help does not show it."""
    known = {name for item in COMMANDS[command].params for name in (*item.opts, *item.secondary_opts)}
    assert set(present) <= known
    assert former not in known
    shown = cli(command, "--help").out.split()
    assert former not in shown
    assert present[-1] in shown


@pytest.mark.parametrize(
    ("words", "present"),
    [
        (["--data", "x", "--data=y"], ["--eval", "x", "--eval=y"]),
        (["--", "--data"], ["--", "--data"]),
        (["bundle", "--anew", "--warmup", "1"], ["bundle", "--restart", "--warm-up", "1"]),
        (["--database"], ["--database"]),
    ],
)
def test_words_are_replaced_whole(words: list[str], present: list[str]):
    """With a value after a blank or an equals sign; not in the middle of a word, and not after two dashes."""
    assert present_options("bench", words) == present
    assert present_options("export", words) == words


def test_one_former_option_may_stand_for_two():
    """``--vocabulary FILE`` cut the vocabulary and named a file whose tokens stay."""
    assert present_options("prune", ["--vocabulary", "x", "--vocabulary=y"]) == [
        "--cut-vocabulary", "--keep-tokens-of", "x", "--cut-vocabulary", "--keep-tokens-of=y"
    ]  # fmt: skip


def test_a_former_option_works_with_one_line_of_advice(cli, training: Path):
    """The result is that of the present name; the note is on standard error, once for each former name."""
    words = ("evaluate", fakes.shared_bundle(), "--file", "int8.onnx", "--json")
    new, old = cli(*words, "--eval", training), cli(*words, "--data", training)
    assert (old.code, old.out) == (new.code, new.out)
    assert old.code == 0
    assert old.err == f"note: --data is now --eval; the old name works until the next release\n{new.err}"


def test_a_former_and_a_present_name_are_one_option(cli, training: Path):
    """Given both, one of them would not count."""
    outcome = cli("evaluate", fakes.shared_bundle(), "--eval", training, "--data", training)
    assert outcome.code == 2
    assert "error: --eval is given 2 times" in outcome.err


@pytest.mark.parametrize("former", [("runtime", "build"), ("workers", "build")])
def test_a_former_command_is_accepted_with_a_note(cli, tmp_path: Path, former: tuple[str, str]):
    """It does what `worker build` does."""
    (tmp_path / "mine.txt").write_text("mine")
    words = ("--out", tmp_path / "mine.txt", "--force")
    new, old = cli("worker", "build", *words), cli("--verbose", *former, *words)
    assert (old.code, old.out) == (new.code, new.out) == (2, "")
    assert "'edgebert" not in old.err
    assert f"note: edgebert {' '.join(former)} is now edgebert worker build; the old name works" in old.err
    assert "mine.txt" in old.err


def test_other_commands_are_left_alone():
    """Two words that call a former command anywhere else are arguments."""
    for words in (["predict", "runtime", "build"], ["runtime"], [], ["--version"]):
        assert present_command(words) == words


@pytest.mark.parametrize("former", FORMER_NAMES)
def test_a_recipe_is_read_by_its_former_name(former: str, caplog: pytest.LogCaptureFixture):
    """In Python, in a list of releases and on the command line it is the same recipe; a note names the present one."""
    present = FORMER_NAMES[former]
    assert present in {recipe.name for recipe in built_in_recipes()}
    with caplog.at_level("INFO", logger="edgebert"):
        assert load_recipe(former) == load_recipe(present)
    assert caplog.messages == [f"the recipe {former} is now {present}; the old name works until the next release"]
    assert recipe_text(former) == recipe_text(present)


def test_the_command_line_reads_a_recipe_by_its_former_name(cli):
    """What is printed is the present recipe; the note is on standard error."""
    outcome = cli("recipes", "prune50-int8")
    assert outcome.code == 0
    assert 'name = "keep50-int8"' in outcome.out
    assert (
        outcome.err == "note: the recipe prune50-int8 is now keep50-int8; the old name works until the next release\n"
    )


def test_no_other_name_is_guessed():
    """A name that never was one is refused."""
    with pytest.raises(RecipeError, match="prune40"):
        load_recipe("prune40-int8")
