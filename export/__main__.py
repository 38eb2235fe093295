"""``python -m export``: make the releases that ``releases.toml`` declares."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from edgebert.cli import output
from edgebert.cli.commands import add_commands
from edgebert.cli.options import Json, Verbose, argument, option
from edgebert.cli.run import run
from export.release import INDEX, LIST, chosen, make_releases, read_releases, write_index

app = typer.Typer(
    add_completion=False, pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]}
)


def export(
    names: Annotated[list[str] | None, argument("Releases to make.")] = None,
    out: Annotated[Path, option("Folder for bundles and index.")] = Path("build/release"),
    releases: Annotated[Path, option("Another list of releases.", default="export/releases.toml")] = LIST,
    *,
    only_list: Annotated[bool, option("Show the releases and make none.", "--list")] = False,
    force: Annotated[bool, option("Replace bundles that exist.", "--force")] = False,
    as_json: Json = False,
    verbose: Verbose = False,  # noqa: ARG001  # the door takes it
) -> None:
    """Turn recipes and checkpoints into bundles, with an index of what is there."""
    declared = read_releases(releases)
    if only_list and as_json:
        output.show_json(list(declared))
    elif only_list:
        rows = [[item.name, item.description, item.checkpoint, item.recipe] for item in declared]
        output.show_table(("release", "what it is", "checkpoint", "recipe"), rows)
    if only_list:
        return
    from edgebert.cli.exporting import show_files

    wanted = chosen(declared, names or [])
    with output.progress_bar() as progress:
        made = make_releases(wanted, out, source=releases, force=force, progress=progress)
    if as_json:
        output.show_json(write_index(out))
        return
    for bundle in made:
        output.show_text(str(bundle.root))
        show_files(bundle)
    output.show_note(f"wrote {out / INDEX}")


add_commands(app, (export, "python -m export --list\npython -m export demo --out build/release"))


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code."""
    run(app, arguments, name="python -m export")


if __name__ == "__main__":
    main()
