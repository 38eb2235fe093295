"""The commands that make devices ready: worker build and emulator setup."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgebert.cli import output
from edgebert.cli.benching import cache_folder
from edgebert.cli.commands import Group, add_commands
from edgebert.cli.options import (
    Force,
    Json,
    option,
)

worker_app = typer.Typer(cls=Group, help="Build the worker archive for phones and boards.", no_args_is_help=True)


emulator_app = typer.Typer(cls=Group, help="Set up emulated ARM processors on this machine.", no_args_is_help=True)


def build(
    out: Annotated[Path, option("File to write, e.g. worker-aarch64.tar.gz.", "--out", "-o", metavar="FILE")],
    *,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Build a worker archive for aarch64 devices: Python, numpy and runtimes, so that a device needs nothing.

    Needs the extra `workers`, a Debian or Ubuntu machine (or container) and network access. Equal package versions give
    an identical file.
    """
    from edgebert.workers.archive import WORKER_ARCHIVE
    from edgebert.workers.build import build_worker

    output.check_output(out, WORKER_ARCHIVE, force=force, is_shared=True, parents=True)
    with output.progress_bar() as progress:
        manifest = build_worker(out, cache=cache_folder(), progress=progress, force=force)
    if as_json:
        output.show_json(manifest)
        return
    for package in manifest.packages:
        output.show_text(f"{package.name:<24} {package.version}")
    output.show_note(f"wrote {out} ({out.stat().st_size / 1e6:.1f} MB): give it to edgebert bench as --worker")


def setup(*, as_json: Json = False) -> None:
    """Download and build what emulator:CPU devices need; a second run does nothing.

    Needs the extra `workers`, a Debian or Ubuntu machine and network access; nothing is installed into the system. With
    a C compiler, instructions can be counted too.
    """
    from edgebert.emulation.setup import set_up_emulator

    with output.progress_bar() as progress:
        facts = set_up_emulator(cache_folder(), progress=progress)
    if as_json:
        output.show_json(facts)
        return
    output.show_text(f"ready: {facts.running}")
    cannot = facts.cannot_count
    output.show_text(f"no instruction counts: {cannot}" if cannot else "instructions can be counted")
    output.show_note("try: edgebert bench BUNDLE --device emulator:cortex-a76 --out report.json")


add_commands(worker_app, (build, "edgebert worker build --out worker-aarch64.tar.gz"))


add_commands(emulator_app, (setup, "edgebert emulator setup"))
