"""What is in a bundle, is it whole, and is this environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgebert.cli import output
from edgebert.cli.arguments import Json, one_of
from edgebert.errors import CheckFailed, EnvironmentProblem, UsageError
from edgebert.ondevice.session import RUNTIMES


def inspect(
    bundle: Annotated[Path, typer.Argument(help="Bundle.")],
    *,
    as_json: Json = False,
) -> None:
    """Show what is inside a bundle: sizes by part, operators, inputs and outputs, lengths, versions."""
    from edgebert.bundle import open_bundle
    from edgebert.cli.render import inspection_head, inspection_rows

    opened = open_bundle(bundle)
    if as_json:
        output.show_json(opened.manifest)
        return
    first, *others = inspection_head(opened.manifest)
    output.show_text(f"{bundle}: {first}", *others, "")
    for item in (*opened.shipped, *opened.baseline):
        output.show_table((item.file, ""), inspection_rows(item))


def verify(
    bundle: Annotated[Path, typer.Argument(help="Bundle.")],
    runtime: Annotated[
        list[str] | None,
        typer.Option(
            help="Runtime to run it in; repeatable.", show_default="all installed", callback=one_of(*RUNTIMES)
        ),
    ] = None,
    public_key: Annotated[
        Path | None, typer.Option(help="Public key (Ed25519, PEM) that must have signed it.", show_default="none")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Check hashes, sizes, golden ids and golden logits; exit 1 when anything is wrong."""
    from edgebert.verification import verify as check

    checks = check(bundle, runtimes=tuple(runtime) if runtime else None, public_key=public_key)
    failed = [item for item in checks if item.ok is False]
    if as_json:
        output.show_json({"ok": not failed, "checks": checks})
    else:
        marks = {True: "ok", False: "FAILED", None: "not run"}
        for item in checks:
            where = f"{item.file} in {item.runtime}" if item.runtime else item.file
            output.show_text(f"{marks[item.ok]:<8} {item.what:<10} {where}: {item.detail}")
            if item.ok is False and item.hint:
                output.show_text(f"{'':<19} {item.hint}")
    if failed:
        names = ", ".join(dict.fromkeys(item.file for item in failed))
        raise CheckFailed(f"{bundle}: {len(failed)} of {len(checks)} checks failed: {names}")


def sign(
    bundle: Annotated[Path | None, typer.Argument(help="Bundle.", show_default="none")] = None,
    key: Annotated[
        Path | None, typer.Option(help="Private key (Ed25519, PEM) to sign with.", show_default="none")
    ] = None,
    new_key: Annotated[
        Path | None, typer.Option(help="Make a private key in this file, and FILE.pub.", show_default="none")
    ] = None,
) -> None:
    """Sign a bundle with an Ed25519 key, or make a key."""
    from edgebert import signing

    if new_key is not None and (bundle is not None or key is not None):
        raise UsageError("--new-key makes a key and signs nothing", hint="sign with --key in a second command")
    if new_key is not None:
        public = signing.new_key(new_key)
        output.show_note(f"wrote {new_key}: keep it secret")
        output.show_note(f"wrote {public}: give it to those who check")
        return
    if bundle is None or key is None:
        raise UsageError("a bundle and --key FILE are needed", hint="edgebert sign --new-key FILE makes a key")
    output.show_note(f"wrote {signing.sign(bundle, key)}")


def doctor(*, as_json: Json = False) -> None:
    """Show which runtimes and extras are installed, what clashes, whether this CPU can be trusted, and the mends."""
    from edgebert.doctor import diagnose

    findings = diagnose()
    if as_json:
        output.show_json(list(findings))
    else:
        for item in findings:
            output.show_text(f"{item.status:<8} {item.topic}: {item.detail}")
            if item.mend:
                output.show_text(f"{'':<8} -> {item.mend}")
    if clashes := [item.topic for item in findings if item.status == "clash"]:
        raise EnvironmentProblem(f"{len(clashes)} clash: {', '.join(clashes)}")
