"""Recipes: what to make of a checkpoint, as TOML."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from edgebert.arguments import Between, Kept, Rate, Seed, check_options, path_of
from edgebert.errors import RecipeError, UsageError
from edgebert.jsonio import from_plain
from edgebert.progress import note
from edgebert.staging import reading

if TYPE_CHECKING:
    from collections.abc import Sequence

Format = Literal["onnx", "tflite"]
Precision = Literal["float32", "int8", "int8-legacy"]

FORMER_NAMES = {
    "prune50-int8": "keep50-int8",
    "prune65-distill-int8": "keep35-distill-int8",
    "prune75-vocab-distill-int8": "keep25-vocab-distill-int8",
}
"""Former names of built-in recipes, read until the next release, and their present ones."""

LONGEST = 512
MOST_EPOCHS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One file that a recipe asks for: ``<precision>.<format>``."""

    format: Format
    precision: Precision

    @property
    def file(self) -> str:
        """Conventional file name inside a bundle."""
        return f"{self.precision}.{self.format}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneOptions:
    """What to prune and how: the ``[prune]`` table of a recipe, the options of ``edgebert prune``.

    Attributes:
        keep: Share of the multiply-accumulates that stays, above 0 and at most 1.
        vocabulary: Whether tokens that the training texts never use go as well.
        drop_layers: Whether a layer that is nearly empty may go whole.
        distill: Epochs of distillation from the unpruned model; 0 re-fits the weights once, without training.
        learning_rate: Peak learning rate of the distillation; ``None`` chooses it by the width of the model.
        seed: Seed of the sample and of the distillation.
        precision: In what the layers compute while distilling.

    Raises:
        UsageError: A value is out of range.
    """

    keep: Kept
    vocabulary: bool = False
    drop_layers: bool = True
    distill: Annotated[float, Between(0, MOST_EPOCHS)] = 0.0
    learning_rate: Rate | None = None
    seed: Seed = 0
    precision: Literal["float32", "bfloat16"] = "float32"

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What to make of a checkpoint.

    Attributes:
        name: Decodable name, as in ``int8``.
        description: One line for people.
        targets: Files to ship.
        lengths: TFLite signature lengths in tokens, ascending.
        prune: What to cut out before; ``None`` ships the model as it is.
    """

    name: str
    description: str
    targets: tuple[Target, ...]
    lengths: tuple[int, ...]
    prune: PruneOptions | None = None


def built_in_recipes() -> tuple[Recipe, ...]:
    """Return the recipes that come with edgebert.

    Returns:
        The recipes in the order of their names.

    Examples:
        >>> [recipe.name for recipe in edgebert.built_in_recipes()][0]
        'int8'
    """
    recipes = (_parse(text, source=f"{name}.toml") for name, text in _built_in().items())
    return tuple(sorted(recipes, key=lambda recipe: recipe.name))


def load_recipe(name: str | Path) -> Recipe:
    """Return a built-in recipe by its name, or the one in a TOML file by its path.

    Args:
        name: Name of a built-in recipe, or the path of a TOML file.

    Returns:
        The recipe: what is pruned, which files are made, and their lengths in tokens.

    Raises:
        RecipeError: There is no such recipe, or the file is malformed; the message names the key.

    Examples:
        >>> edgebert.load_recipe("int8").lengths
        (32, 64, 128)
    """
    # An empty word is the name of no recipe.
    path = Path() if isinstance(name, str) and not name else path_of("name", name)
    if path.suffix == ".toml":
        with reading(path, error=RecipeError):
            text = path.read_text(encoding="utf-8")
        return _parse(text, source=str(path))
    known, present = {recipe.name: recipe for recipe in built_in_recipes()}, _present_name(str(name))
    if present not in known:
        raise RecipeError(
            f"there is no recipe {present!r}", hint=f"built in: {', '.join(known)}; or give the path of a .toml file"
        )
    return known[present]


def recipe_text(name: str) -> str:
    """Return the TOML of a built-in recipe, comments included.

    Raises:
        RecipeError: There is no such recipe.
    """
    known, name = _built_in(), _present_name(name)
    if name not in known:
        raise RecipeError(f"there is no built-in recipe {name!r}", hint=f"built in: {', '.join(sorted(known))}")
    return known[name]


def narrowed(recipe: Recipe, *, formats: Sequence[str] | None, lengths: Sequence[int] | None) -> Recipe:
    """Return ``recipe`` with only the targets of some formats, and with other signature lengths.

    Args:
        recipe: The recipe.
        formats: Formats to keep, in upper or lower case; ``None`` keeps all.
        lengths: TFLite signature lengths in tokens; ``None`` keeps the recipe's.

    Raises:
        RecipeError: A format is unknown or in no target, or a length is impossible.
    """
    if formats is not None:
        formats = [name.lower() for name in formats]
        if not formats:
            raise RecipeError(
                f"the recipe {recipe.name!r}: no format is named", hint="give onnx, tflite or both, e.g. onnx,tflite"
            )
        for name in formats:
            if name not in {target.format for target in recipe.targets}:
                raise RecipeError(
                    f"the recipe {recipe.name!r} makes no file of format {name!r}",
                    hint=f"it makes {', '.join(target.file for target in recipe.targets)}",
                )
        recipe = replace(recipe, targets=tuple(target for target in recipe.targets if target.format in formats))
    if lengths is not None:
        recipe = replace(recipe, lengths=tuple(sorted(set(lengths))))
    _check(recipe, source=f"recipe {recipe.name!r}")
    return recipe


def check_training(plan: Recipe, *, given: bool) -> None:
    """Refuse a recipe that prunes without texts to learn from, and texts for one that does not.

    Args:
        plan: The recipe.
        given: Whether there are training texts.

    Raises:
        UsageError: The two do not go together.
    """
    if plan.prune is not None and not given:
        raise UsageError(
            f"the recipe {plan.name!r} prunes, and has no texts to learn from what may go",
            hint="give --train FILE: texts of your task, labelled or not",
        )
    if plan.prune is None and given:
        raise UsageError(
            f"the recipe {plan.name!r} does not prune, so it has no use for training texts",
            hint="leave --train out, or choose a recipe that prunes (edgebert recipes)",
        )


def _present_name(name: str) -> str:
    if (present := FORMER_NAMES.get(name)) is None:
        return name
    note(f"the recipe {name} is now {present}; the old name works until the next release")
    return present


def _built_in() -> dict[str, str]:
    files = [item for item in (resources.files("edgebert") / "recipes").iterdir() if item.name.endswith(".toml")]
    return {item.name.removesuffix(".toml"): item.read_text(encoding="utf-8") for item in files}


def _parse(text: str, *, source: str) -> Recipe:
    try:
        plain = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of endless digits, or nesting, is no TOMLDecodeError
        raise RecipeError(f"{source}: not TOML: {error}") from error
    try:
        recipe = from_plain(Recipe, plain, source=source)
    except UsageError as error:
        raise RecipeError(error.message, hint=error.hint) from error
    _check(recipe, source=source)
    return recipe


def _check(recipe: Recipe, *, source: str) -> None:
    if not recipe.targets:
        raise RecipeError(f"{source}: no targets", hint="add a [[targets]] table with format and precision")
    files = [target.file for target in recipe.targets]
    for target in recipe.targets:
        if files.count(target.file) > 1:
            raise RecipeError(f"{source}: the target {target.file} appears twice")
        if target.format == "onnx" and target.precision == "int8-legacy":
            raise RecipeError(
                f"{source}: int8-legacy exists for tflite only",
                hint="it serves tflite-runtime 2.14; ONNX Runtime computes int8 correctly in every version",
            )
    if not recipe.lengths or list(recipe.lengths) != sorted(set(recipe.lengths)):
        raise RecipeError(f"{source}: lengths must be ascending and distinct, not {list(recipe.lengths)}")
    for length in recipe.lengths:
        if not 8 <= length <= LONGEST:
            raise RecipeError(f"{source}: the length {length} is not between 8 and {LONGEST} tokens")
