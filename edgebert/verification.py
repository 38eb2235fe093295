"""Is a bundle what it claims to be, on this machine? Every check runs, so that one report names everything wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgebert.arguments import strings_of
from edgebert.bundle import MANIFEST, Bundle, TextRules, open_bundle
from edgebert.claims import disagreements
from edgebert.errors import BundleError, CheckFailed, EdgebertError, MissingExtraError, UsageError
from edgebert.examples import Example
from edgebert.golden import Golden, GoldenCase
from edgebert.manifest import Artifact, FileEntry, Role
from edgebert.meaning import TaskSettings
from edgebert.ondevice.session import FORMATS
from edgebert.parity import check_parity, warnings_of
from edgebert.progress import warn
from edgebert.publishing import SIGNATURE, check_signature
from edgebert.runtime import open_runner, present_runtimes
from edgebert.tasks import TaskHead, task_head
from edgebert.text import TextEncoder, open_encoder


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at.

    Attributes:
        what: ``signature`` (of the manifest), ``file`` (hash and size), ``manifest`` (its statements), ``tokenizer``
            (golden ids) or ``logits`` (golden logits).
        file: File of the bundle.
        runtime: Runtime of a ``logits`` check.
        ok: Whether it held; ``None`` when it could not be made here.
        detail: What was found.
        hint: What to do, when it did not hold.
    """

    what: str
    file: str
    runtime: str | None
    ok: bool | None
    detail: str
    hint: str = ""


def verify(
    target: str | Path, *, runtimes: Sequence[str] | None = None, public_key: str | Path | None = None
) -> tuple[Check, ...]:
    """Return every check of a bundle: hashes, what the manifest states, golden ids and logits in each runtime here.

    What the golden logits cannot find out, because a model is collapsed or a tolerance is wide, is told as a warning.

    Args:
        target: The bundle.
        runtimes: Runtimes to run it in; by default all that are installed.
        public_key: File of the Ed25519 key that must have signed the bundle; ``None`` asks for no signature.

    Returns:
        The checks. ``ok`` is true, false, or ``None`` for one that could not be made here.

    Raises:
        UsageError: The folder is no bundle, or a named runtime does not exist or runs no file of it.
        BundleError: The manifest itself cannot be used.
        MissingExtraError: A runtime was named that is not installed, or the package that checks signatures is not.

    Examples:
        >>> [check.detail for check in edgebert.verify("bundle") if check.ok is False]
        []
    """
    asked = () if runtimes is None else strings_of("runtimes", runtimes)
    bundle = open_bundle(target, check=False)
    formats = {item.format for item in bundle.manifest.artifacts}
    for name in asked:
        if name not in FORMATS:
            raise UsageError(f"unknown runtime {name!r}", hint=f"known: {', '.join(FORMATS)}")
        if FORMATS[name] not in formats:
            raise UsageError(f"{bundle.root}: no file in the bundle that {name} runs")
    files = [_check_entry(bundle, entry) for entry in bundle.entries]
    damaged = {check.file for check in files if not check.ok}
    signed = [_check_signature(bundle, public_key)] if public_key is not None else []
    checks, golden = [*signed, *files, *_check_claims(bundle, damaged)], _golden_texts(bundle, damaged)
    for rules, texts in golden.items():
        checks.append(_check_ids(bundle, rules, texts))
        compared = [item for item in bundle.manifest.artifacts if bundle.text_rules(item.role) == rules]
        for text in warnings_of(texts, compared):
            warn(text)
    for artifact in (*bundle.shipped, *bundle.baseline):
        rules = bundle.text_rules(artifact.role)
        if artifact.file in damaged or rules not in golden:
            continue
        wanted = present_runtimes(artifact.format) if runtimes is None else asked
        names = [name for name in wanted if FORMATS.get(name) == artifact.format]
        if not names and runtimes is None:
            detail = f"no runtime for .{artifact.format} files is installed here"
            checks.append(Check(what="logits", file=artifact.file, runtime=None, ok=None, detail=detail))
        checks.extend(_check_logits(bundle, artifact, name, golden[rules]) for name in names)
    return tuple(checks)


def _check_signature(bundle: Bundle, public_key: str | Path) -> Check:
    try:
        check_signature(bundle.root, public_key)
    except CheckFailed as error:
        return Check(what="signature", file=SIGNATURE, runtime=None, ok=False, detail=error.message, hint=error.hint)
    detail = f"{MANIFEST} was signed with the key of {public_key}"
    return Check(what="signature", file=SIGNATURE, runtime=None, ok=True, detail=detail)


def _check_entry(bundle: Bundle, entry: Artifact | FileEntry) -> Check:
    file = entry.file
    try:
        bundle.path(file)
    except CheckFailed as error:
        return Check(what="file", file=file, runtime=None, ok=False, detail=error.message, hint=error.hint)
    return Check(what="file", file=file, runtime=None, ok=True, detail="size and sha256 as in the manifest")


def _check_claims(bundle: Bundle, damaged: set[str]) -> list[Check]:
    found = [
        Check(
            what="manifest",
            file=file,
            runtime=None,
            ok=False,
            detail=detail,
            hint="export the bundle again; do not ship this one",
        )
        for file, detail in disagreements(bundle, frozenset(damaged))
    ]
    if found:
        return found
    detail = "every statement that can be derived from the files is as they say"
    return [Check(what="manifest", file=MANIFEST, runtime=None, ok=True, detail=detail)]


def _golden_texts(bundle: Bundle, damaged: set[str]) -> dict[TextRules, Golden]:
    """Return the golden texts by the rules they go with, but for those whose file or tokenizer is damaged."""
    roles: tuple[Role, ...] = ("shipped", "baseline")
    found = {}
    for role in roles:
        rules = bundle.text_rules(role)
        if rules not in found and not damaged & {rules.golden, rules.tokenizer}:
            with contextlib.suppress(BundleError):  # named already, where the manifest's statements are compared
                found[rules] = bundle.golden(role)
    return found


def _check_ids(bundle: Bundle, rules: TextRules, golden: Golden) -> Check:
    file = rules.tokenizer
    try:
        encoder = open_encoder(bundle.path(file), rules.spec.max_length)
    except EdgebertError as error:
        return Check(what="tokenizer", file=file, runtime=None, ok=False, detail=error.message, hint=error.hint)
    head = task_head(bundle.manifest.task)
    for number, case in enumerate(golden.cases, start=1):
        if other := window_difference(head, encoder, case, bundle.manifest.settings):
            detail = f"golden text {number} becomes {other}: {' | '.join(case.texts)[:40]!r}"
            return Check(what="tokenizer", file=file, runtime=None, ok=False, detail=detail)
    detail = f"{len(golden.cases)} golden texts become the recorded ids{' and places' if head.has_places else ''}"
    return Check(what="tokenizer", file=file, runtime=None, ok=True, detail=detail)


def window_difference(head: TaskHead, encoder: TextEncoder, case: GoldenCase, settings: TaskSettings) -> str:
    """Return what is other in the windows of a golden text than it says; empty where nothing is."""
    windows = head.windows(encoder, Example(texts=case.texts), settings).windows
    if [window.ids for window in windows] != [window.input_ids for window in case.windows]:
        return "other ids"
    places = [window.offsets if head.has_places else None for window in windows]
    return "" if places == [window.offsets for window in case.windows] else "tokens at other places"


def _check_logits(bundle: Bundle, artifact: Artifact, runtime: str, golden: Golden) -> Check:
    try:
        spec = bundle.text_rules(artifact.role).spec
        runner = open_runner(bundle.path(artifact.file), runtime=runtime, spec=spec, task=bundle.manifest.task)
        found = check_parity(runner, golden, tolerance=artifact.tolerance)
    except MissingExtraError:
        raise
    except EdgebertError as error:
        ok = False if isinstance(error, CheckFailed) else None
        return Check(what="logits", file=artifact.file, runtime=runtime, ok=ok, detail=error.message, hint=error.hint)
    detail = f"{found.texts} golden texts within {found.max_difference:.2g} (allowed {artifact.tolerance:.2g})"
    return Check(what="logits", file=artifact.file, runtime=runtime, ok=True, detail=detail)
