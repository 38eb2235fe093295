#!/usr/bin/env python3
"""Writes ``docs/cli.md`` from the commands themselves: ``python docs/generate.py``."""

from __future__ import annotations

import inspect
import re
import typing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typer.main import get_command

from edgebert.cli.app import app
from edgebert.printable import Markdown, markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterator

REFERENCE = Path(__file__).with_name("cli.md")

OPENING = """\
# Command line

Every command and option of `edgebert`. This page is made from the program by `python docs/generate.py`; a test fails
when the two differ. `edgebert COMMAND --help` shows the same in a terminal.

"""

COMMON = """\
## For every command

Results go to standard output; progress, notes and errors to standard error. So `--json > file` holds JSON and nothing
else.

| exit code | meaning |
| ---: | --- |
| 0 | all is well |
| 1 | a check failed: parity, hash, golden ids or logits. The file must not ship |
| 2 | the request, or a file it names, cannot be used as it is |
| 3 | this machine lacks something: a package, the network, room on the disk |
| 130, 143, 129 | interrupted by Ctrl-C, SIGTERM or SIGHUP; every command cleans up first |

An error is one line that says what is wrong and where, and mostly a second line with what to do:

```text
error: ./model: no checkpoint: there is no config.json
hint: give the folder that save_pretrained wrote, or a Hub id
```

Options are checked before the work begins. An option that takes one value is refused when it is given twice.
`--verbose` may be before or after the command.

A folder is written whole or not at all, and so is a file. An interrupted command leaves nothing under the name you
gave. An output file may also be a named pipe or a device such as `/dev/stdout`; of a link, the target is replaced. A
file that is not of the kind that the command writes is never replaced.

## Data files

`--eval` and `--train` take texts with their right answers, in UTF-8. The suffix decides how a file is read;
each may be followed by `.gz`. `--train` of `export`, `prune` and `plan` takes texts without answers too, and so does
`--keep-tokens-of`. [tasks](tasks/README.md) shows a file for each task.

| suffix | layout |
| --- | --- |
| `.csv` | commas; a text with a comma, a quote or a line break is in double quotes |
| `.tsv` | tabs; without quoting, as in GLUE's SST-2, or with the quoting of CSV, as pandas and Excel write it |
| `.jsonl` | one JSON object on each line |
| `.txt` | one text on each line, where no answers are needed; or as `.conll` |
| `.conll`, `.bio` | a word and its tag on each line, an empty line between sentences |
| `.json` | questions in the format of SQuAD |

The first line of a `.csv` or `.tsv` file names the columns. The text is in `text` (or `sentence`), the label in
`label`, unless `--text-column` and `--label-column` say otherwise. Other columns may have any name or none. Rows of
empty cells are skipped. A row without a text or without a label is an error that names its line.

A label is the name of one of the model's labels, or its id counted from 0. Labels whose names are whole numbers are
read as names only. Blanks around a label do not count, and `1.0` is read as `1`. The label `-1` is refused: GLUE's test
sets have it where the label is not public.

Whether a `.tsv` file is quoted is decided by the whole file. It is quoted if the names of its columns are, or if each
cell is as Python or Excel writes it and a quote within a cell is doubled. If only some cells are, the file is refused.

A line, and a CSV record over several lines, has at most 1,000,000 bytes. A file has at most 2,000,000,000 bytes
unpacked, and its texts take at most 400,000,000 bytes of memory. Larger input is refused with the number of the line.

### Data files of other tasks

- **Several labels**: a column or key `labels`. In a table it holds names separated by bars or a JSON list, in `.jsonl`
  a list. It is empty where a text has no label.
- **Regression**: a column or key `score` with numbers, or `label` if one of the numbers is not whole.
- **Entities**: `.conll`, `.bio` or `.txt` with a word and its tag on each line, separated by a tab or by blanks, and an
  empty line between sentences; lines that begin with `-DOCSTART-` are skipped. Or `.jsonl` with `tokens` and `tags` (or
  `ner_tags`), two lists of the same length. Or `.jsonl` with `text` and `entities` (or `spans`), a list of objects with
  `start`, `end` and `label` (or `type`).
- **Answers**: `.json` in the format of SQuAD 1 or 2. Or `.jsonl` with `question`, `context` and `answers`, a list of
  objects with `text` and `answer_start`.
- **Embeddings**: columns or keys `sentence1` and `sentence2` (or `text_a` and `text_b`), with a `score` or without one;
  or texts alone.

Columns of a CoNLL file have numbers for names: `1` is the first, `-1` the last. Places of characters count code points
from 0, and an end is behind the last character. An answer or an entity whose text is not at its place is refused.

A split of a Hub data set is `hub:NAME#SPLIT` or `hub:NAME:CONFIG#SPLIT`, e.g. `hub:nyu-mll/glue:sst2#validation`. It
needs the package `datasets`, which comes with the extra `train`.
"""

NOTES = {
    "export": """\
`--formats` keeps some of the recipe's files. `--lengths` replaces the recipe's lengths; the largest is also where
longer texts are cut, in both formats. With `--eval`, the score of every file is written into the bundle. `--force`
replaces an older bundle, never a folder that holds other things. `--json` prints the manifest
(see [bundle format](bundle-format.md)). Recipes that prune need `--train`; the files are then compared with the model
before the cut. `--baseline` says what a checkpoint that is pruned already is compared with. [Pruning](pruning.md) says
which recipe is for what.

A tokenizer with added tokens (`tokenizer.add_tokens(["<url>"])`) is refused without `--allow-added-tokens`: an app that
has only `vocab.txt` would split `<url>` into pieces. edgebert's Java core and web page read these tokens from
`text.added_tokens` of the manifest; [tokenizer](tokenizer.md#1-special-and-added-tokens) says how to do it elsewhere.
""",
    "evaluate": """\
Each file of a bundle is compared with the float file of the same format, text by text. Before a file is scored it has
to reproduce the golden logits in the chosen runtime; if it does not, the command stops with exit code 1. A checkpoint
is scored in torch, with nothing to compare.

If labels in the file are ids, a note says which label each id was read as. A warning says when a score cannot be told
from chance: the lower end of its 95 % interval is not above what the most frequent label of the data would score alone.

With `--json`, `results` holds the fields of `Score` in [bundle format](bundle-format.md), `truncated` counts the texts
that were cut, `chance` is the score of the most frequent label, and `labels_read_as_ids` is true or false.
`label_changes` has precision, recall and F1 of each label or type of entities, by the float file (`before`) and by the
file (`after`), the largest change of F1 first; without `--json` a table shows the first ten of each file.
""",
    "predict": """\
Prints label, probability and text. Without `--file` it takes the first file of the bundle that ships. Texts are given
as arguments, in a file with `--eval`, or one a line on standard input. Each line of standard input is answered before
the next one is read, so that a program can ask one text after another.

`--json` prints a list, `--jsonl` one object a line, and `--out` writes such lines to a file that appears whole:

```json
{
  "text": "Not for me",
  "label": "negative",
  "probability": 0.93,
  "probabilities": {"negative": 0.93, "positive": 0.07},
  "tokens": 5,
  "truncated": false
}
```

`tokens` counts what the model read, `[CLS]` and `[SEP]` included. It is 2 for a text with nothing to read, such as an
empty line: the label then means nothing, and a note says so. `truncated` is true where the text was longer than the
longest input, and cut there. With `--top-k`, `probabilities` has that many labels, the most probable first.
""",
    "inspect": """\
Sizes, operators and versions were read from the files when they were made. `--json` prints the manifest.
""",
    "verify": """\
[Verify](verify.md) says what is compared, and what a passed check does not promise. Every check is made even after one
has failed, so that one run names everything wrong. A file that no installed runtime
can run is listed as `not run`. With `--json`: `ok`, and `checks` with what was looked at, file, runtime, outcome and
detail.
""",
    "sign": """\
Writes `edgebert.sig` into the bundle: an Ed25519 signature over the bytes of `edgebert.json`, which has the hash of
every other file. Sign after everything else: `export` and `strip` write a new manifest. The key is PEM without a
password, as `openssl genpkey -algorithm ed25519` makes it too. Needs the extra `sign`. [Verify](verify.md#signatures)
says who checks it.
""",
    "strip": """\
The FP32 files in `baseline/` are most of the bytes of a bundle, and no app needs them. `verify`, `predict` and `embed`
take a slim bundle like any other; `evaluate` needs the full one to compute the change against FP32. See
[slim bundles](bundle-format.md#slim-bundles).
""",
    "finetune": """\
Labels are taken from the training file and saved with the checkpoint.
""",
    "prune": """\
The folder is a checkpoint like any other. [Pruning](pruning.md) says what each step does. A killed distillation goes on
when the same command is given again; until then its state is in `OUT.state`. `--json` prints the new shape and the
record of what was cut.
""",
    "plan": """\
The state of the search, the picture `plan.svg` and the recipe of the pick, `pick.toml`, are in `--out`. An
interrupted search resumes with the same command, and `--restart` starts over; other bounds are answered from what was
measured. Exit code 1 when nothing fits the bounds; the message says which to relax and by how much.
""",
    "bench": """\
[Benchmarking](benchmarking.md) says what is measured and how to read it. An interrupted run resumes with the same
command; its state is in `OUT.journal`, and `--restart` discards it. `--force` replaces a finished report, never another
file. Exit code 1 when a file
computes something else on a device than the model, 3 when a device did not finish; the report of the others is written
all the same.
""",
    "embed": """\
[Embedding](embedding.md) says what to do in the app. Copies the model file, `vocab.txt`, `golden.json` and
`edgebert.json`, with `--into` also what tokenizer libraries read; never a baseline. What is there already is not
written again, and with `--check` the same command is a check for CI. A folder is replaced when it holds what `embed`
writes and nothing else; `--force` also replaces any other folder that has an `edgebert.json`, and a Kotlin file of
another hand.
""",
    "devices": """\
Phones need `adb`, boards `ssh`: both are your own programs. Boards cannot be found, only named.
""",
    "report": """\
`--html` writes one page that needs no network and no script. It needs the extra `report`.
""",
    "compare": """\
Refuses reports that were not made under equal conditions, and names each difference; `--allow` accepts one knowingly.
""",
    "check": """\
[The release gate](benchmarking.md#the-release-gate) says how the verdicts come about. Exit code 1 for a limit that is
missed and for one that the data cannot decide; `--allow-undecided` lets the second pass. `--junit` replaces an older
file of its own only.
""",
    "worker build": """\
Needs the extra `workers`, and a Debian or Ubuntu machine with a network, or a container of one. Equal versions give an
equal file, byte by byte.
""",
    "emulator setup": """\
Needs the extra `workers`, and a Debian or Ubuntu machine with a network; nothing is installed into it. A C compiler
makes the instruction counts possible.
""",
    "import-bert": """\
The result is an encoder without a task head: fine-tune it next. Takes checkpoints whose token types are all 0 in use,
which is so for single texts.
""",
    "doctor": """\
Reads the metadata of installed packages; loads none of them. Exit code 3 when something clashes.
""",
    "demo": """\
Without `--train` and `--eval` it fetches a set of rated review sentences and tweets with pip, and checks its hash. A
second run uses the trained checkpoint of the first again. Files are compared on this machine: a phone is another.
""",
}

_DEFAULT = re.compile(r"\s*\\?\[default: (?P<value>[^\]]*)\]$")
_VALUES = {str: "TEXT", Path: "PATH", int: "N", float: "NUMBER"}


def cli_reference() -> str:
    """Return the text that ``docs/cli.md`` should have."""
    group: Any = get_command(app)
    sections = [OPENING + "\n".join(_overview(group)), COMMON.rstrip()]
    sections += ["\n".join(_command(name, command)).rstrip() for name, command in _leaves(group)]
    return "\n\n".join(sections) + "\n"


def _overview(group: Any) -> Iterator[str]:
    rows = [(f"[`{name}`](#{name.replace(' ', '-')})", _first_line(command)) for name, command in _leaves(group)]
    yield _table(("command", "what it does"), rows)
    yield ""
    yield "Options of `edgebert` itself stand before the command:"
    yield ""
    rows = [(_names(option), option.help) for option in group.params]
    rows.append(("`--help`, `-h`", "Show what there is and exit; also after a command."))
    yield _table(("option", "meaning"), rows)


def _leaves(group: Any, words: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every command below a group by the words that call it, as in ``worker build``."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _leaves(command, f"{words}{name} ")
        else:
            yield f"{words}{name}", command


def _command(name: str, command: Any) -> Iterator[str]:
    types = {key: _plain(kind) for key, kind in typing.get_type_hints(inspect.unwrap(command.callback)).items()}
    arguments = [item for item in command.params if item.param_type_name == "argument"]
    options = [item for item in command.params if item.param_type_name == "option"]
    yield f"## {name}"
    yield ""
    yield _first_line(command)
    yield ""
    yield "```console"
    yield " ".join(["$ edgebert", name, *map(_usage, arguments), *_required(options, types), "[OPTIONS]"])
    yield "```"
    yield ""
    if arguments:
        yield _table(("argument", "meaning"), [(f"`{item.name.upper()}`", _meaning(item)[0]) for item in arguments])
        yield ""
    rows = []
    for item in options:
        meaning, default = _meaning(item)
        rows.append((_names(item, "" if item.is_flag else f" {_VALUES[types[item.name]]}"), default, meaning))
        rows += [(f"`{name}`", "", f"The opposite of `{item.opts[0]}`.") for name in item.secondary_opts]
    yield _table(("option", "default", "meaning"), rows)
    yield ""
    if name in NOTES:
        yield NOTES[name]
    examples = re.split(r"\s+or: ", (command.epilog or "").removeprefix("Example: "))
    yield "```console"
    for example in examples:
        yield f"$ {example}"
    yield "```"


def _plain(kind: Any) -> Any:
    """Return the type of one value of a parameter: ``X`` for ``X | None`` and for ``list[X] | None``."""
    if typing.get_origin(kind) is typing.Annotated:
        return _plain(typing.get_args(kind)[0])
    parts = [part for part in typing.get_args(kind) if part is not type(None)]
    return _plain(parts[0]) if parts else kind


def _first_line(command: Any) -> str:
    return str(command.help).splitlines()[0]


def _table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    return markdown_table(columns, [list(map(Markdown, row)) for row in rows])


def _names(option: Any, value: str = "") -> str:
    return ", ".join(f"`{name}{value}`" for name in option.opts)


def _usage(argument: Any) -> str:
    shown = argument.name.upper() + ("..." if argument.nargs == -1 else "")
    return shown if argument.required else f"[{shown}]"


def _required(options: list[Any], types: dict[str, Any]) -> list[str]:
    return [f"{item.opts[0]} {_VALUES[types[item.name]]}" for item in options if item.required]


def _meaning(parameter: Any) -> tuple[str, str]:
    """Return the help of a parameter and its default, which the help itself may name in brackets."""
    text = parameter.help or ""
    if found := _DEFAULT.search(text):
        return text[: found.start()], found["value"]
    if parameter.required:
        return text, "required"
    default = parameter.default
    shown = default is not None and not callable(default) and not getattr(parameter, "is_flag", False)
    return text, f"`{default}`" if shown else ""


if __name__ == "__main__":
    REFERENCE.write_text(cli_reference(), encoding="utf-8")
