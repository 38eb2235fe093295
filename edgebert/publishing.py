"""What is done with a finished bundle before it is passed on: its baselines are left out, its manifest is signed.

A signature is Ed25519 over the bytes of the manifest, in a file beside it. The manifest has the hash of every other
file, so signing it signs them all.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebert.arguments import expect, path_of
from edgebert.bundle import MANIFEST, Bundle, open_bundle, write_manifest
from edgebert.errors import BundleError, MissingExtraError, OutputError, UsageError
from edgebert.manifest import Artifact, FileEntry, Manifest
from edgebert.outputs import FileKind, write_output
from edgebert.staging import NO_ROOM, reading, staged_folder

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

CARD = "README.md"
SIGNATURE = "edgebert.sig"
_BASELINE = "baseline/"
_NOTE = f"\nThis is a slim bundle: the files in `{_BASELINE}` were left out. `{MANIFEST}` has their hashes.\n"
_SIGNATURE_TEXT = re.compile(rb"[0-9a-f]{128}\n")
_LARGEST_KEY = 4096  # bytes; a key of Ed25519 in PEM has about 120
_PRIVATE_HINT = "edgebert sign --new-key FILE makes one; so does openssl genpkey -algorithm ed25519"
_PUBLIC_HINT = "give the file that edgebert sign --new-key KEY wrote as KEY.pub, or openssl pkey -in KEY -pubout"


def new_key(path: str | Path) -> Path:
    """Write a new private key, readable by its owner only, and its public key as ``path`` with ``.pub`` at the end.

    Args:
        path: File to make, in PEM.

    Returns:
        The file of the public key.

    Raises:
        OutputError: One of the files is there already, or cannot be written.
        MissingExtraError: cryptography is not installed.

    Examples:
        >>> edgebert.new_key("release.key")
        PosixPath('release.key.pub')
    """
    serialization = _serialization()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    path = path_of("path", path)
    key, public = Ed25519PrivateKey.generate(), path.with_name(path.name + ".pub")
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    spoken = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    made: list[Path] = []
    try:
        for file, content, mode in ((path, private, 0o600), (public, spoken, 0o644)):
            # A link, or a file that is there, is never written to.
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
                made.append(file)
                stream.write(content)
    except OSError as error:
        for file in made:
            file.unlink()
        raise OutputError(f"{error.filename or path}: {error.strerror}", hint="give the name of a new file") from error
    return public


def sign(bundle: str | Path, key: str | Path) -> Path:
    """Sign a bundle and return the file of the signature, ``edgebert.sig`` in its folder; an older one is replaced.

    Args:
        bundle: The bundle's folder.
        key: File of an Ed25519 private key, PEM without a password.

    Returns:
        The file of the signature.

    Raises:
        BundleError: The bundle is damaged.
        UsageError: There is no bundle, or the file holds no such key.
        MissingExtraError: cryptography is not installed.

    Examples:
        >>> edgebert.sign("bundle", "release.key")
        PosixPath('bundle/edgebert.sig')
    """
    private: Ed25519PrivateKey = _key(path_of("key", key), private=True)
    opened = open_bundle(bundle)
    opened.check_files()
    signature = private.sign(opened.path(MANIFEST).read_bytes())
    path = opened.path(SIGNATURE)
    write_output(path, signature.hex().encode() + b"\n", _KIND, force=True)
    return path


def check_signature(root: Path, key: str | Path) -> None:
    """Return if the manifest of a bundle was signed with the private key of a public one.

    Args:
        root: The bundle's folder.
        key: File of an Ed25519 public key, PEM.

    Raises:
        BundleError: There is no signature, or it is of another key or another manifest.
        UsageError: The file holds no such key.
        MissingExtraError: cryptography is not installed.
    """
    public: Ed25519PublicKey = _key(path_of("key", key), private=False)
    path = root / SIGNATURE
    from cryptography.exceptions import InvalidSignature

    hint = "do not use this bundle, or sign it: edgebert sign BUNDLE --key KEY"
    try:
        text, content = path.read_bytes(), (root / MANIFEST).read_bytes()
    except FileNotFoundError as error:
        raise BundleError(f"{root}: not signed: there is no {SIGNATURE}", hint=hint) from error
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {error.strerror}", hint=hint) from error
    if not _SIGNATURE_TEXT.fullmatch(text):
        raise BundleError(f"{path}: holds no signature, which is 128 hexadecimal digits and a line break", hint=hint)
    try:
        public.verify(bytes.fromhex(text[:128].decode()), content)
    except InvalidSignature as error:
        raise BundleError(f"{path}: {MANIFEST} was not signed with the key of {key}", hint=hint) from error


def public_hex(key: str | Path) -> str:
    """Return an Ed25519 public key as 64 hex digits; errors as for ``check_signature``."""
    public: Ed25519PublicKey = _key(path_of("key", key), private=False)
    return public.public_bytes_raw().hex()


def _is_signature(path: Path) -> bool:
    with path.open("rb") as stream:
        return _SIGNATURE_TEXT.fullmatch(stream.read(130)) is not None


_KIND = FileKind(name="a signature of edgebert", is_one=_is_signature)


def _key(path: Path, *, private: bool) -> Any:
    """Return the private or the public key in a PEM file."""
    serialization = _serialization()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

    name, hint = ("private key", _PRIVATE_HINT) if private else ("public key", _PUBLIC_HINT)
    with reading(path, hint=hint), path.open("rb") as stream:
        content = stream.read(_LARGEST_KEY + 1)
    if len(content) > _LARGEST_KEY or f"{name.upper()}-----".encode() not in content:
        raise UsageError(f"{path}: holds no {name} in PEM", hint=hint)
    try:
        if private:
            key = serialization.load_pem_private_key(content, password=None)
        else:
            key = serialization.load_pem_public_key(content)
    except TypeError as error:
        hint = "take the password off: openssl pkey -in KEY -out NEW"
        raise UsageError(f"{path}: the key has a password, which edgebert does not ask for", hint=hint) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(f"{path}: not a {name} that can be read: {error}", hint=hint) from error
    if not isinstance(key, Ed25519PrivateKey if private else Ed25519PublicKey):
        raise UsageError(f"{path}: not a key of Ed25519 but of another kind", hint=hint)
    return key


def _serialization() -> Any:
    try:
        from cryptography.hazmat.primitives import serialization
    except ImportError as error:
        raise MissingExtraError("cryptography", extra="sign", purpose="signing and checking signatures") from error
    return serialization


def leave_out_baselines(folder: Path, manifest: Manifest) -> Manifest:
    """Remove the baselines from a folder that becomes a bundle, say so in its card, and return its manifest.

    Scores stay, and name files that ``left_out`` lists.
    """
    if (folder / _BASELINE).is_dir():
        shutil.rmtree(folder / _BASELINE)
    if (folder / CARD).is_file():
        with (folder / CARD).open("a", encoding="utf-8") as stream:
            stream.write(_NOTE)
    slim = replace(
        manifest,
        artifacts=tuple(item for item in manifest.artifacts if item.role == "shipped"),
        files=tuple(item for item in manifest.files if not item.file.startswith(_BASELINE)),
        left_out=(*manifest.left_out, *(item for item in _listed(manifest) if item.file.startswith(_BASELINE))),
    )
    return write_manifest(folder, slim)


def strip(bundle: str | Path, out: str | Path, *, force: bool = False) -> Bundle:
    """Copy a bundle without its baselines, and return the copy.

    Args:
        bundle: The bundle's folder.
        out: Folder to make.
        force: Replace an existing bundle.

    Returns:
        The copy.

    Raises:
        UsageError: There is no bundle, it has no baselines, or ``out`` is inside it.
        BundleError: The bundle is damaged.
        OutputError: ``out`` exists and ``force`` is off, or it cannot be written.
        EnvironmentProblem: The disk is full.

    Examples:
        >>> [item.file for item in edgebert.strip("bundle", "bundle-slim").shipped]
        ['int8.onnx']
    """
    expect("force", force, bool)
    opened, out = open_bundle(bundle), path_of("out", out)
    opened.check_files()
    if not opened.baseline:
        raise UsageError(f"{opened.root}: a slim bundle already: it has no baselines", hint="copy the folder as it is")
    if out.resolve().is_relative_to(opened.root.resolve()):
        raise UsageError(f"{out}: is inside the bundle {opened.root}", hint="give another folder")
    with staged_folder(out, force=force, marker=MANIFEST) as stage:
        listed = _listed(opened.manifest)
        files = [opened.path(item.file) for item in listed if not item.file.startswith(_BASELINE)]
        pictures = sorted(opened.root.glob("*.svg"))
        for path in (*files, *(path for path in (opened.path(CARD), *pictures) if path.is_file())):
            try:
                shutil.copyfile(path, stage / path.name)
            except OSError as error:
                if error.errno in NO_ROOM:
                    raise
                raise BundleError(f"{path}: cannot be copied: {error.strerror}") from error
        Bundle(root=stage, manifest=leave_out_baselines(stage, opened.manifest)).check_files()
    return open_bundle(out, check=False)


def _listed(manifest: Manifest) -> tuple[FileEntry, ...]:
    listed: tuple[Artifact | FileEntry, ...] = (*manifest.artifacts, *manifest.files)
    return tuple(FileEntry(file=item.file, size_bytes=item.size_bytes, sha256=item.sha256) for item in listed)
