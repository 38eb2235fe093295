"""Command lines made of words that nobody should give: every command, any of its options, hostile values."""

from __future__ import annotations

from typing import Any

from tests.fuzz import hostile
from tests.fuzz.box import Box, Case
from tests.fuzz.targets import Target
from tests.support.commands import COMMANDS

SOUND = ("bundle", "data.tsv", "report.json", "suite.toml", "recipe.toml", "worker.tar.gz", "data.txt")

# With sound words these fetch from the network, install or train for minutes: they get at least one word that is wrong.
_ALWAYS_WRONG = {
    "demo": ["--train", "nothing-here.csv", "--eval", "nothing-here.csv"],
    "emulator setup": ["--nonsense"],
    "worker build": ["--out", "data.tsv"],
    "bench": ["./bundle", "--eval", "nothing-here.csv"],
    **{name: ["./nothing-here"] for name in ("export", "finetune", "import-bert", "plan", "prune")},
}
_TORCH = {"demo", "export", "finetune", "import-bert", "plan", "prune"}
_BOTH = {"evaluate", "predict"}  # they need torch for what is no bundle


def _some(box: Box, torch: bool) -> Case:
    names = sorted(name for name in COMMANDS if name in _BOTH or (name in _TORCH) == torch)
    if box.rng is None:
        return Case(words=["recipes"])
    for name in SOUND:
        box.take(name)
    name = box.pick(*names)
    given = ["./bundle"] if name in _BOTH and not torch else _ALWAYS_WRONG.get(name, [])
    words: list[str] = [*name.split(), *given]
    taken = set(words)
    options: list[Any] = [item for item in COMMANDS[name].params if item.param_type_name == "option"]
    for parameter in COMMANDS[name].params:
        is_fixed = bool(given) and parameter.param_type_name == "argument" and parameter.nargs != -1
        if parameter.param_type_name == "argument" and not is_fixed and not box.chance(0.1):
            words.append(_word(box))
        elif parameter.required and parameter.opts[0] not in taken and not box.chance(0.1):
            words += _given(box, parameter)
    for _ in range(box.rng.randrange(4)):
        found = box.rng.choice(options)
        if not taken & set(found.opts):
            words += _given(box, found)
    if not given and box.chance(0.1):  # a word amid those that make it wrong could make it right
        words.insert(box.rng.randrange(len(words) + 1), _word(box))
    if box.chance(0.1):
        words = [box.pick("--verbose", "--version", "--help", "-h"), *words]
    # What a sound name of an output makes is looked at by the targets of the commands.
    return Case(words=words, outputs={"no": "any"}, state=frozenset({"no"}), annotates="--github" in words)


def _given(box: Box, option: Any) -> list[str]:
    name = box.pick(*option.opts)
    if getattr(option, "is_flag", False) or getattr(option, "secondary_opts", None):
        return [name]
    # Files are made in places that do not exist, so that all there is to look at is what is said.
    word = "no/such/folder/\x1b[31mx" if name in _OUTPUTS else _word(box)
    return [f"{name}={word}"] if box.chance(0.3) else [name, word]


_OUTPUTS = {"--out", "--into", "--android", "--html", "--junit", "--kotlin-out"}


def _word(box: Box) -> str:
    assert box.rng is not None
    sound = (*SOUND, "local", "1", "0.5", "onnx", "int8.onnx", "litert", "int8", "accuracy", "all")
    return box.rng.choice(sound) if box.chance(0.5) else hostile.argument(box.rng)


ARGUMENTS = (
    Target(
        name="arguments",
        make=lambda box: _some(box, torch=False),
        commands=tuple(sorted({"devices", "doctor", "emulator setup", "worker build", *COMMANDS} - _TORCH)),
        weight=20,
    ),
    Target(
        name="arguments-torch",
        make=lambda box: _some(box, torch=True),
        commands=tuple(sorted(_TORCH)),
        torch=True,
        weight=4,
    ),
)
