from __future__ import annotations

import dataclasses
import itertools
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.errors import RecipeError
from edgebert.recipe import LONGEST, PruneOptions, Recipe, Target, built_in_recipes, load_recipe, narrowed, recipe_text

GOOD = """
name = "mine"
description = "my own"
lengths = [16, 32]

[[targets]]
format = "onnx"
precision = "int8"

[[targets]]
format = "tflite"
precision = "int8-legacy"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_each_built_in_recipe_is_called_as_its_file():
    """The name inside a built-in recipe is the name of its file, and finds it again."""
    files = {Path(item.name).stem for item in (resources.files("edgebert") / "recipes").iterdir()}
    recipes = built_in_recipes()
    assert {recipe.name for recipe in recipes} == files >= {"int8", "int8-legacy"}
    assert [recipe.name for recipe in recipes] == sorted(files)
    for recipe in recipes:
        assert load_recipe(recipe.name) == recipe


@pytest.mark.parametrize("name", [recipe.name for recipe in built_in_recipes()])
def test_the_text_of_a_built_in_recipe_is_one_to_start_from(name: str, tmp_path: Path):
    """What is printed of a built-in recipe, saved as a file, is the same recipe; it explains itself in comments."""
    text = recipe_text(name)
    assert text.startswith("# ")
    assert load_recipe(write(tmp_path, text)) == load_recipe(name)


def test_a_file_is_read(tmp_path: Path):
    """A recipe of the user's is read from its path, given as a path or as text."""
    expected = Recipe(
        name="mine",
        description="my own",
        targets=(Target(format="onnx", precision="int8"), Target(format="tflite", precision="int8-legacy")),
        lengths=(16, 32),
    )
    path = write(tmp_path, GOOD)
    assert load_recipe(path) == load_recipe(str(path)) == expected


@pytest.mark.parametrize("name", ["int4", "", "INT8", "../int8", "int8 "])
def test_an_unknown_name_lists_those_there_are(name: str):
    """A name that no built-in recipe has is refused, with the names that exist."""
    with pytest.raises(RecipeError) as caught:
        load_recipe(name)
    assert caught.value.message == f"there is no recipe {name!r}"
    assert "int8, int8-legacy" in caught.value.hint
    assert caught.value.exit_code == 2


def test_only_built_in_recipes_have_a_text(tmp_path: Path):
    """Printing is for built-in recipes: a path, which a user has an editor for, is refused in one line."""
    for name in ("int4", str(write(tmp_path, GOOD))):
        with pytest.raises(RecipeError, match="there is no built-in recipe"):
            recipe_text(name)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path):
    """A recipe file that is missing, a folder, or not UTF-8 is named with the reason."""
    with pytest.raises(RecipeError, match=r"absent\.toml: cannot be read: No such file"):
        load_recipe(tmp_path / "absent.toml")
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(RecipeError, match=r"folder\.toml: cannot be read: Is a directory"):
        load_recipe(tmp_path / "folder.toml")
    (tmp_path / "latin.toml").write_bytes(b'name = "caf\xe9"')
    with pytest.raises(RecipeError, match=r"latin\.toml: not UTF-8 at byte 11"):
        load_recipe(tmp_path / "latin.toml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('name = "a"\nname = "b"', "not TOML: Cannot overwrite"),
        ("lengths = [16, 32", "not TOML: "),
        ("name = mine", "not TOML: .*line 1"),
        ("\x00", "not TOML: "),
        ("lengths = [" + "1" * 5000 + "]", "not TOML: "),
        ("lengths = " + "[" * 5000 + "]" * 5000, "not TOML: "),
    ],
    ids=["doubled", "open list", "bare word", "control", "endless digits", "endless nesting"],
)
def test_a_file_that_is_no_toml_is_shown_where(text: str, message: str, tmp_path: Path):
    """A syntax error names the file and what the reader says of it."""
    path = write(tmp_path, text)
    with pytest.raises(RecipeError, match=f"^{path}: {message}"):
        load_recipe(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "mine"', "", "the key 'name' is missing"),
        ('name = "mine"', "name = 5", "name is 5, not a string"),
        ('name = "mine"', "name = 2026-01-31", 'name is "2026-01-31", not a string'),
        ('description = "my own"', "description = true", "description is true, not a string"),
        ('description = "my own"', 'describtion = "my own"', "unknown key 'describtion'"),
        ("lengths = [16, 32]", "", "the key 'lengths' is missing"),
        ("lengths = [16, 32]", "lengths = 16", "lengths is 16, not a list"),
        ("lengths = [16, 32]", "lengths = []", r"lengths must be ascending and distinct, not \[\]"),
        ("lengths = [16, 32]", "lengths = [32, 16]", r"lengths must be ascending and distinct, not \[32, 16\]"),
        ("lengths = [16, 32]", "lengths = [16, 16]", r"lengths must be ascending and distinct, not \[16, 16\]"),
        ("lengths = [16, 32]", "lengths = [16, true]", r"lengths\[1\] is true, not an integer"),
        ("lengths = [16, 32]", "lengths = [16.0]", r"lengths\[0\] is 16.0, not an integer"),
        ("lengths = [16, 32]", 'lengths = ["16"]', r"lengths\[0\] is \"16\", not an integer"),
        ("lengths = [16, 32]", "lengths = [7, 16]", f"the length 7 is not between 8 and {LONGEST} tokens"),
        ("lengths = [16, 32]", "lengths = [16, 513]", f"the length 513 is not between 8 and {LONGEST} tokens"),
        ("lengths = [16, 32]", "lengths = [-1]", f"the length -1 is not between 8 and {LONGEST} tokens"),
        ('format = "onnx"', 'format = "coreml"', r"targets\[0\].format is \"coreml\", not one of 'onnx', 'tflite'"),
        ('format = "onnx"', "", r"the key 'targets\[0\].format' is missing"),
        ('precision = "int8"\n', 'precision = "int4"\n', r"targets\[0\].precision is \"int4\", not one of .*'int8'"),
        ('precision = "int8"\n', 'precision = "int8"\nbits = 8\n', r"unknown key 'targets\[0\].bits'"),
        ('precision = "int8"\n', 'precision = "int8-legacy"\n', "int8-legacy exists for tflite only"),
        (
            'format = "onnx"\nprecision = "int8"\n',
            'format = "tflite"\nprecision = "int8-legacy"\n',
            "the target int8-legacy.tflite appears twice",
        ),
    ],
)
def test_a_malformed_key_is_named(old: str, new: str, message: str, tmp_path: Path):
    """Each way to get a key wrong is answered with the file, the key and what is wrong with it."""
    assert GOOD.count(old) == 1
    path = write(tmp_path, GOOD.replace(old, new))
    with pytest.raises(RecipeError, match=f"^{path}: {message}"):
        load_recipe(path)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("keep = 0.5", PruneOptions(keep=0.5)),
        ("keep = 1", PruneOptions(keep=1.0)),
        ("keep = 1e-9", PruneOptions(keep=1e-9)),
        (
            "keep = 0.25\nvocabulary = true\ndrop_layers = false\ndistill = 2\nlearning_rate = 1e-4\nseed = 4294967295",
            PruneOptions(
                keep=0.25, vocabulary=True, drop_layers=False, distill=2.0, learning_rate=1e-4, seed=4294967295
            ),
        ),
        ("keep = 0.5\ndistill = 100", PruneOptions(keep=0.5, distill=100.0)),
    ],
)
def test_what_to_prune_is_read(line: str, expected: PruneOptions, tmp_path: Path):
    """The table [prune] holds the options of pruning; what it leaves out has its default."""
    recipe = load_recipe(write(tmp_path, f"{GOOD}\n[prune]\n{line}\n"))
    assert recipe.prune == expected
    assert narrowed(recipe, formats=("onnx",), lengths=(8,)).prune == expected


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("", r"the key 'prune\.keep' is missing"),
        ("keep = 0", r"prune\.keep is 0, not above 0 and at most 1"),
        ("keep = -0.5", r"prune\.keep is -0\.5, not above 0"),
        ("keep = 1.01", r"prune\.keep is 1\.01, not above 0"),
        ("keep = 50", r"prune\.keep is 50, not above 0"),
        ("keep = nan", r"prune\.keep is nan, not a finite number"),
        ("keep = inf", r"prune\.keep is inf, not a finite number"),
        ('keep = "0.5"', r'prune\.keep is "0\.5", not a number'),
        ("keep = 0.5\nvocabulary = 1", r"prune\.vocabulary is 1, not a boolean"),
        ("keep = 0.5\ndrop_layers = 0", r"prune\.drop_layers is 0, not a boolean"),
        ("keep = 0.5\ndistill = -1", r"prune\.distill is -1, not from 0 to 100"),
        ("keep = 0.5\ndistill = 101", r"prune\.distill is 101, not from 0 to 100"),
        ("keep = 0.5\ndistill = inf", r"prune\.distill is inf, not a finite number"),
        ("keep = 0.5\nlearning_rate = 0", r"prune\.learning_rate is 0, not above 0 and below 1"),
        ("keep = 0.5\nlearning_rate = 1", r"prune\.learning_rate is 1, not above 0 and below 1"),
        ("keep = 0.5\nseed = -1", r"prune\.seed is -1, not from 0 to 4294967295"),
        ("keep = 0.5\nseed = 4294967296", r"prune\.seed is 4294967296, not from 0 to 4294967295"),
        ("keep = 0.5\nseed = 1.5", r"prune\.seed is 1\.5, not an integer"),
        ("keep = 0.5\nheads = 3", r"unknown key 'prune\.heads'"),
    ],
)
def test_an_impossible_option_of_pruning_is_named(lines: str, message: str, tmp_path: Path):
    """Each option out of its range is answered with the file, the key and the range."""
    path = write(tmp_path, f"{GOOD}\n[prune]\n{lines}\n")
    with pytest.raises(RecipeError, match=f"^{path}: {message}"):
        load_recipe(path)


def test_the_name_of_a_recipe_that_prunes_can_be_decoded():
    """keepN keeps N percent of the work, vocab the vocabulary as well, distill trains; int8 says what is written."""
    found = {}
    for recipe in built_in_recipes():
        assert {target.precision for target in recipe.targets} >= {"int8"}
        if recipe.prune is not None:
            parts = recipe.name.split("-")
            assert parts[0] == f"keep{round(100 * recipe.prune.keep)}"
            assert ("vocab" in parts) == recipe.prune.vocabulary
            assert ("distill" in parts) == (recipe.prune.distill > 0)
            assert parts[-1] == "int8"
            assert recipe.lengths == load_recipe("int8").lengths
            assert recipe.targets == load_recipe("int8").targets
            assert "--train" in recipe_text(recipe.name)
            found[recipe.name] = recipe.prune.keep
    assert found == {"keep50-int8": 0.5, "keep35-distill-int8": 0.35, "keep25-vocab-distill-int8": 0.25}


@pytest.mark.parametrize("targets", ["targets = []", "", "targets = 5", "[targets]", "targets = [1]"])
def test_a_recipe_makes_something(targets: str, tmp_path: Path):
    """A recipe without targets, or with targets of another kind, is refused by that key."""
    head = GOOD.partition("[[targets]]")[0]
    with pytest.raises(RecipeError, match="targets"):
        load_recipe(write(tmp_path, head + targets))


INT8 = load_recipe("int8")


def test_narrowing_by_nothing_changes_nothing():
    """Without formats and lengths, a recipe stays itself."""
    assert narrowed(INT8, formats=None, lengths=None) == INT8


@pytest.mark.parametrize("formats", [("onnx",), ("tflite",), ("tflite", "onnx"), ("onnx", "onnx")])
def test_formats_keep_the_targets_of_those_formats_in_the_order_of_the_recipe(formats: tuple[str, ...]):
    """Formats choose among the targets; their own order and repetition do not matter."""
    found = narrowed(INT8, formats=formats, lengths=None)
    assert found == dataclasses.replace(INT8, targets=tuple(t for t in INT8.targets if t.format in formats))


@given(lengths=st.lists(st.integers(8, LONGEST), min_size=1))
def test_lengths_are_sorted_and_made_distinct(lengths: list[int]):
    """The lengths of a command line may come in any order and more than once."""
    found = narrowed(INT8, formats=None, lengths=lengths).lengths
    assert set(found) == set(lengths)
    assert all(low < high for low, high in itertools.pairwise(found))


@pytest.mark.parametrize(
    ("formats", "lengths", "message"),
    [
        (("coreml",), None, "makes no file of format 'coreml'"),
        (("ONNX", "Pdf"), None, "makes no file of format 'pdf'"),
        ((), None, "no format is named"),
        (None, (), "lengths must be ascending"),
        (None, (4,), "the length 4 is not between"),
        (None, (128, 1024), "the length 1024 is not between"),
        (None, (0,), "the length 0 is not between"),
    ],
)
def test_narrowing_to_the_impossible_is_refused(
    formats: tuple[str, ...] | None, lengths: tuple[int, ...] | None, message: str
):
    """Formats the recipe does not make, no formats, and impossible lengths are named together with the recipe."""
    with pytest.raises(RecipeError, match=message) as caught:
        narrowed(INT8, formats=formats, lengths=lengths)
    assert "'int8'" in caught.value.message


def test_a_format_that_the_recipe_leaves_out_is_refused_with_what_it_makes():
    """The hint lists the files of the recipe."""
    recipe = narrowed(INT8, formats=("onnx",), lengths=None)
    with pytest.raises(RecipeError) as caught:
        narrowed(recipe, formats=("tflite",), lengths=None)
    assert caught.value.hint == "it makes int8.onnx"
