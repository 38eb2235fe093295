"""The commands about a bundle as it is and where it goes: inspect, verify, sign, embed; and doctor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import edgebert
from edgebert.cli import output
from edgebert.cli.choices import Runtime
from edgebert.cli.layout import in_each_layer
from edgebert.cli.options import BundleFolder, Json, Wide, argument, option
from edgebert.errors import CheckFailed, EnvironmentProblem, UsageError
from edgebert.printable import MANY, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgebert.manifest import Artifact, Manifest


def inspect(bundle: BundleFolder, *, wide: Wide = False, as_json: Json = False) -> None:
    """Show what is in a bundle: sizes, operators, inputs, outputs, lengths and versions.

    Sizes, operators and versions were read from the files when they were made. `--json` prints the manifest.
    """
    from edgebert.parity import PARITY

    opened = edgebert.open_bundle(bundle)
    if as_json:
        output.show_json(opened.manifest)
        return
    facts = _inspection_head(opened.manifest, wide=wide)
    output.show_text(f"{bundle}: {opened.manifest.task}")
    for name, value in facts:
        output.show_hanging(f"  {name:<12}", value)
    files = (*opened.shipped, *opened.baseline)
    output.show_text()
    output.show_table(("file", "role", "size MB", "of FP32", "lengths", "versions"), _file_rows(opened.manifest, files))
    for item in files:
        output.show_text("", item.file)
        output.show_table(("", ""), _inspection_rows(item))
    output.show_text()
    output.show_hanging("parity: ", PARITY)
    if len(opened.manifest.labels) > MANY and not wide:
        output.show_left_out(["all labels"])


def verify(
    bundle: BundleFolder,
    runtime: Annotated[
        list[str] | None,
        option("Runtime to run the files in.", default="all installed", choices=get_args(Runtime), commas=True),
    ] = None,
    public_key: Annotated[
        Path | None, option("Public key (Ed25519, PEM) that must have signed the bundle.", metavar="FILE")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Verify the integrity of a bundle: hashes, sizes, golden token IDs and golden logits.

    All checks are made, also after one has failed. A file that no installed runtime can run is shown as `not run`.
    [Verify](verify.md) describes what is compared and what a passed check does not promise. With `--json`, `checks` has
    what was compared, file, runtime, outcome and detail.

    Exit code 1: a check failed.
    """
    checks = edgebert.verify(bundle, runtimes=tuple(runtime) if runtime else None, public_key=public_key)
    failed = [item for item in checks if item.ok is False]
    if as_json:
        output.show_json({"ok": not failed, "checks": checks})
    else:
        marks = {True: "ok", False: "FAILED", None: "not run"}
        for item in checks:
            where = f"{item.file} in {item.runtime}" if item.runtime else item.file
            output.show_hanging(f"{marks[item.ok]:<8} {item.what:<10} ", f"{where}: {item.detail}")
            if item.ok is False and item.hint:
                output.show_hanging(f"{'':<20}-> ", item.hint)
    if failed:
        names = ", ".join(dict.fromkeys(item.file for item in failed))
        raise CheckFailed(f"{bundle}: {len(failed)} of {len(checks)} checks failed: {names}")


def sign(
    bundle: Annotated[Path | None, argument("Bundle folder.")] = None,
    key: Annotated[Path | None, option("Private key (Ed25519, PEM) to sign with.", metavar="FILE")] = None,
    new_key: Annotated[
        Path | None, option("File to write a new private key to; the public key is FILE.pub.", metavar="FILE")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Sign a bundle with an Ed25519 key, or create a key.

    Writes `edgebert.sig` into the bundle: a signature of `edgebert.json`, which has the hash of every other file. Sign
    last: `export` and `strip` write a new manifest. The key is PEM without a password, e.g. from `openssl genpkey
    -algorithm ed25519`. Needs the extra `sign`. [Verify](verify.md#signatures) describes who checks the signature.
    """
    from edgebert import publishing

    if new_key is not None:
        if bundle is not None or key is not None:
            raise UsageError("--new-key makes a key and signs nothing", hint="sign with --key in a second command")
        public = publishing.new_key(new_key)
        if as_json:
            output.show_json({"private_key": str(new_key), "public_key": str(public)})
            return
        output.show_note(f"wrote {new_key}: keep it secret")
        output.show_note(f"wrote {public}: give it to those who check")
        return
    if bundle is None or key is None:
        raise UsageError("a bundle and --key FILE are needed", hint="edgebert sign --new-key FILE makes a key")
    signature = publishing.sign(bundle, key)
    if as_json:
        output.show_json({"signature": str(signature)})
        return
    output.show_note(f"wrote {signature}")


def doctor(*, as_json: Json = False) -> None:
    """Check this machine: installed runtimes and extras, conflicts, and how to fix them.

    Reads the metadata of installed packages and imports none of them. Exit code 3: packages conflict.
    """
    findings = edgebert.diagnose()
    if as_json:
        output.show_json(list(findings))
    else:
        width = max(len(item.topic) for item in findings)
        for item in findings:
            output.show_hanging(f"{item.status:<8} {item.topic:<{width}}  ", item.detail)
            if item.hint:
                output.show_text(f"{'':<8} -> {item.hint}")  # not wrapped: a command is there to be copied
    if clashes := [item.topic for item in findings if item.status == "clash"]:
        raise EnvironmentProblem(f"{len(clashes)} clash: {', '.join(clashes)}")


def _inspection_head(manifest: Manifest, *, wide: bool) -> list[tuple[str, str]]:
    """Return what is to be said of a bundle as a whole, as names and values."""
    from edgebert.card_cut import cut_text

    shape, text, source = manifest.architecture, manifest.text, manifest.provenance
    casing = "lower-cased, " if text.lower_case else ""
    labels = ", ".join(manifest.labels) if wide else listed(manifest.labels)
    facts = [
        *([("labels", labels)] if manifest.labels else []),
        ("layers", f"{shape.layers}, hidden size {shape.hidden}, {shape.activation}"),
        ("heads", in_each_layer(shape.heads)),
        ("neurons", in_each_layer(shape.neurons)),
        ("vocabulary", f"{shape.vocabulary:,} tokens, {shape.positions} positions"),
        ("inputs", f"{casing}at most {text.max_length} tokens"),
        ("recipe", manifest.recipe.name),
        ("checkpoint", f"{source.checkpoint} ({source.checkpoint_sha256[:12]})"),
    ]
    if (cut := manifest.pruning) is not None:
        facts.append(("pruned from", f"{cut.original_name} ({cut.original_sha256[:12]}): {cut_text(cut, shape)}"))
    if (original := manifest.original) is not None:
        facts.append(("baselines", f"of {original.checkpoint} ({original.checkpoint_sha256[:12]})"))
    return facts


def _file_rows(manifest: Manifest, files: Sequence[Artifact]) -> list[list[str]]:
    from edgebert.card import share_of_float, share_text

    return [
        [
            item.file,
            item.role,
            f"{item.size_bytes / 1e6:.1f}",
            share_text(share_of_float(manifest, item)),
            ", ".join(map(str, item.lengths)) or "any",
            f"opset {item.opset}, IR {item.ir_version}" if item.format == "onnx" else "TFLite schema 3",
        ]
        for item in files
    ]


def _inspection_rows(item: Artifact) -> list[list[str]]:
    """Return what is to be said of one model file, as name and value."""
    total = max(item.size_bytes, 1)  # an empty file has no parts, whatever its manifest says
    parts = [
        [f"  {part.name}", f"{part.size_bytes / 1e6:9.3f} MB  {100 * part.size_bytes / total:5.1f} %"]
        for part in item.parts
    ]
    verified = [
        f"{v.max_difference:.2g} of {item.tolerance:.2g} on {v.texts} golden inputs, {v.runtime} {v.version} on {v.cpu}"
        for v in item.verified
    ]
    operators = ", ".join(
        f"{o.name} x{o.count}" + (f" v{o.version}" if item.format == "tflite" else "") for o in item.operators
    )
    tensors = [
        [kind, f"{tensor.name} {tensor.dtype}[{', '.join(map(str, tensor.shape))}]"]
        for kind, group in (("input", item.inputs), ("output", item.outputs))
        for tensor in group
    ]
    return [
        ["size", f"{total / 1e6:9.3f} MB"],
        *parts,
        *tensors,
        ["operators", operators],
        *(["parity", line] for line in verified),
        ["sha256", item.sha256],
    ]
