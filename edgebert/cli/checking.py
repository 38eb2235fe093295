"""The commands about a bundle as it is and where it goes: inspect, verify, sign, embed; and doctor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import edgebert
from edgebert.cli import output
from edgebert.cli.layout import in_each_layer
from edgebert.cli.options import Force, Json, Wide, argument, one_of, option
from edgebert.errors import CheckFailed, EnvironmentProblem, UsageError
from edgebert.ondevice.session import RUNTIMES
from edgebert.printable import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgebert.embedding.embed import Embedding
    from edgebert.embedding.places import Place
    from edgebert.manifest import Artifact, Manifest


def inspect(bundle: Annotated[Path, argument("Bundle.")], *, wide: Wide = False, as_json: Json = False) -> None:
    """Show what is inside a bundle: sizes by part, operators, inputs and outputs, lengths, versions."""
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
        output.show_text()
        output.show_table((item.file, ""), _inspection_rows(item))
    output.show_text()
    output.show_hanging("parity: ", PARITY)


def verify(
    bundle: Annotated[Path, argument("Bundle.")],
    runtime: Annotated[
        list[str] | None, option("Runtime to run it in; repeatable.", default="all installed", check=one_of(*RUNTIMES))
    ] = None,
    public_key: Annotated[
        Path | None, option("Public key (Ed25519, PEM) that must have signed it.", default="none")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Check hashes, sizes, golden ids and golden logits; exit 1 when anything is wrong."""
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
    bundle: Annotated[Path | None, argument("Bundle.", default="none")] = None,
    key: Annotated[Path | None, option("Private key (Ed25519, PEM) to sign with.", default="none")] = None,
    new_key: Annotated[Path | None, option("Make a private key in this file, and FILE.pub.", default="none")] = None,
) -> None:
    """Sign a bundle with an Ed25519 key, or make a key."""
    from edgebert import publishing

    if new_key is not None:
        if bundle is not None or key is not None:
            raise UsageError("--new-key makes a key and signs nothing", hint="sign with --key in a second command")
        public = publishing.new_key(new_key)
        output.show_note(f"wrote {new_key}: keep it secret")
        output.show_note(f"wrote {public}: give it to those who check")
        return
    if bundle is None or key is None:
        raise UsageError("a bundle and --key FILE are needed", hint="edgebert sign --new-key FILE makes a key")
    output.show_note(f"wrote {publishing.sign(bundle, key)}")


def doctor(*, as_json: Json = False) -> None:
    """Show which runtimes and extras are installed, what clashes, whether this CPU can be trusted, and the mends."""
    findings = edgebert.diagnose()
    if as_json:
        output.show_json(list(findings))
    else:
        width = max(len(item.topic) for item in findings)
        for item in findings:
            output.show_hanging(f"{item.status:<8} {item.topic:<{width}}  ", item.detail)
            if item.mend:
                output.show_text(f"{'':<8} -> {item.mend}")  # not wrapped: a command is there to be copied
    if clashes := [item.topic for item in findings if item.status == "clash"]:
        raise EnvironmentProblem(f"{len(clashes)} clash: {', '.join(clashes)}")


def embed(
    bundle: Annotated[Path, argument("Bundle folder.")],
    android: Annotated[
        Path | None, option("Assets folder of an Android module, e.g. app/src/main/assets.", default="none")
    ] = None,
    into: Annotated[Path | None, option("Plain folder to make, for any other app.", default="none")] = None,
    file: Annotated[str | None, option("Model file to take.", default="the only one that ships, or int8.onnx")] = None,
    folder: Annotated[str | None, option("Name of the folder within the assets.", default="edgebert")] = None,
    kotlin_package: Annotated[
        str | None, option("Also write EdgebertModel.kt, in this package.", default="none")
    ] = None,
    kotlin_out: Annotated[
        Path | None, option("The Kotlin file to write.", default="in src/main/kotlin or java beside the assets")
    ] = None,
    public_key: Annotated[
        Path | None, option("Public key (Ed25519, PEM) that must have signed the bundle.", default="none")
    ] = None,
    *,
    check: Annotated[bool, option("Write nothing; exit 1 unless all is there and up to date.", "--check")] = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Copy what ships of a bundle into an app, with a Kotlin file that names it, and say what the build needs."""
    from edgebert.embedding.embed import embed as put

    place = _place(android, into, folder=folder, package=kotlin_package, kotlin_out=kotlin_out)
    made = put(bundle, place, file=file, public_key=public_key, check=check, force=force)
    if as_json:
        output.show_json(_plain(made))
        return
    output.show_table(("file", "size MB"), [(item.file, f"{item.size_bytes / 1e6:.3f}") for item in made.files])
    if place.kind == "android" and not check:
        _show_build(made)
    if not made.written:
        output.show_note(f"up to date: {place.folder}{f', {place.kotlin}' if place.kotlin else ''}")
    for path in made.written:
        output.show_note(f"wrote {path}")


def _place(
    android: Path | None, into: Path | None, *, folder: str | None, package: str | None, kotlin_out: Path | None
) -> Place:
    from edgebert.embedding.places import FOLDER, android_place, folder_place

    if (android is None) == (into is None):
        raise UsageError("one of --android and --into is needed, and only one", hint="edgebert embed --help")
    if android is not None:
        name = FOLDER if folder is None else folder
        return android_place(android, folder=name, package=package, kotlin_out=kotlin_out)
    assert into is not None
    for name, value in (("--folder", folder), ("--kotlin-package", package), ("--kotlin-out", kotlin_out)):
        if value is not None:
            raise UsageError(f"{name} goes with --android only", hint="leave it out, or give --android")
    return folder_place(into)


def _show_build(made: Embedding) -> None:
    from edgebert.embedding.android import advice, apk_bytes

    wanted = advice(made.artifact)
    output.show_text("build.gradle.kts of the module:", "")
    output.show_text(*(f"    {line}".rstrip() for line in wanted.gradle.splitlines()))
    output.show_text("", "proguard-rules.pro, if the app is shrunk by R8:", "")
    output.show_text(f"    {wanted.rules}", "")
    size = apk_bytes(made.place.folder, made.files, made.artifact)
    output.show_text(f"adds {size / 1e6:.1f} MB to the APK: the model as it is, the other files compressed")
    for note in wanted.notes:
        output.show_note(f"note: {note}")


def _plain(made: Embedding) -> dict[str, object]:
    from edgebert.embedding.android import advice, apk_bytes

    android = made.place.kind == "android"
    return {
        "model": made.artifact.file,
        "folder": str(made.place.folder),
        "files": list(made.files),
        "kotlin": None if made.place.kotlin is None else str(made.place.kotlin),
        "written": [str(path) for path in made.written],
        "apk_bytes": apk_bytes(made.place.folder, made.files, made.artifact) if android else None,
        "build": advice(made.artifact) if android else None,
    }


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
