"""``python -m export``: make the releases that ``releases.toml`` declares."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from edgebert.cli import output
from edgebert.errors import EdgebertError, EnvironmentProblem
from export.release import INDEX, LIST, chosen, make_releases, read_releases


def main(words: list[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m export", description="Turn recipes and checkpoints into bundles.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="release to make")
    parser.add_argument("--list", action="store_true", help="show the releases and make none")
    parser.add_argument("--out", type=Path, default=Path("build/release"), help="folder for bundles and index")
    parser.add_argument("--releases", type=Path, default=LIST, help="another list of releases")
    parser.add_argument("--force", action="store_true", help="replace bundles that exist")
    parser.add_argument("--verbose", action="store_true", help="show what the libraries write")
    asked = parser.parse_args(words)
    for name in ("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY"):
        os.environ[name] = "1"
    try:
        with output.quiet_libraries(verbose=asked.verbose):
            _run(asked)
    except EdgebertError as error:
        output.show_error(error)
        return error.exit_code
    except OSError as error:
        output.show_error(EnvironmentProblem(f"{error.filename or 'the system'}: {error.strerror or error}"))
        return EnvironmentProblem.exit_code
    except KeyboardInterrupt:
        output.show_note("interrupted; nothing was left half-written")
        return 130
    return 0


def _run(asked: argparse.Namespace) -> None:
    releases = read_releases(asked.releases)
    if asked.list:
        rows = [[item.name, item.description, item.checkpoint, item.recipe] for item in releases]
        output.show_table(("release", "what it is", "checkpoint", "recipe"), rows)
        return
    from edgebert.cli.render import EXPORT_COLUMNS, export_rows

    with output.progress_bar() as progress:
        wanted = chosen(releases, asked.names)
        made = make_releases(wanted, asked.out, source=asked.releases, force=asked.force, progress=progress)
    for bundle in made:
        output.show_text(str(bundle.root))
        output.show_table(EXPORT_COLUMNS, export_rows(bundle))
    output.show_note(f"wrote {asked.out / INDEX}")


if __name__ == "__main__":
    sys.exit(main())
