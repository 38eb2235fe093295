"""A signed bundle is one whose manifest was signed with the key that the reader trusts; anything else is refused."""

from __future__ import annotations

import shutil
import stat
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("cryptography", reason="extra sign")

from edgebert.bundle import MANIFEST
from edgebert.embedding.embed import embed
from edgebert.embedding.places import android_place
from edgebert.errors import BundleError, OutputError, UsageError
from edgebert.publishing import SIGNATURE, check_signature, new_key, public_hex, sign
from edgebert.verification import verify
from tests.support import fakes
from tests.support.small_bundles import small_bundle


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return small_bundle(tmp_path / "bundle")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    new_key(tmp_path / "key.pem")
    return tmp_path / "key.pem"


def openssl(*words: object, **options: object) -> bytes:
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl")
    return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, **options).stdout  # type: ignore[call-overload,no-any-return]


def public(key: Path) -> Path:
    return key.with_name(key.name + ".pub")


def test_what_was_signed_is_accepted(bundle: Path, key: Path):
    """The signature of the key is found good, and replaced when the bundle is signed again."""
    assert sign(bundle, key) == bundle / SIGNATURE
    check_signature(bundle, public(key))
    sign(bundle, key)
    check_signature(bundle, public(key))
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_a_manifest_that_was_rewritten_with_its_digest_is_refused(bundle: Path, key: Path):
    """What a digest cannot stop: labels swapped, hashes and digest computed anew."""
    sign(bundle, key)
    fakes.edit_json(bundle / MANIFEST, labels=list(reversed(fakes.LABELS)))
    with pytest.raises(BundleError, match="was not signed with the key"):
        check_signature(bundle, public(key))


def test_every_bit_of_the_signature_counts(bundle: Path, key: Path):
    """A signature with one digit changed, cut, doubled or of another alphabet is none."""
    text = sign(bundle, key).read_bytes()
    digit = b"0" if text[:1] != b"0" else b"1"
    for wrong in (digit + text[1:], text[:127] + b"\n", text + text, text.upper(), b"", text[:-1], b"\xff" * 129):
        if wrong == text:
            continue
        (bundle / SIGNATURE).write_bytes(wrong)
        with pytest.raises(BundleError):
            check_signature(bundle, public(key))
    (bundle / SIGNATURE).unlink()
    with pytest.raises(BundleError, match="not signed"):
        check_signature(bundle, public(key))


def test_another_key_is_refused(bundle: Path, key: Path, tmp_path: Path):
    """A bundle that somebody else signed is not signed."""
    new_key(tmp_path / "other.pem")
    sign(bundle, key)
    with pytest.raises(BundleError, match="was not signed with the key"):
        check_signature(bundle, tmp_path / "other.pem.pub")


def test_keys_and_signatures_of_openssl(bundle: Path, tmp_path: Path):
    """A key that openssl made signs, and openssl finds the signature good."""
    key = tmp_path / "ssl.pem"
    openssl("genpkey", "-algorithm", "ed25519", "-out", key)
    openssl("pkey", "-in", key, "-pubout", "-out", public(key))
    signature = bytes.fromhex(sign(bundle, key).read_text())
    check_signature(bundle, public(key))
    (tmp_path / "sig").write_bytes(signature)
    words = (
        "-verify",
        "-pubin",
        "-inkey",
        public(key),
        "-rawin",
        "-in",
        bundle / MANIFEST,
        "-sigfile",
        tmp_path / "sig",
    )
    assert b"Success" in openssl("pkeyutl", *words)


def test_other_keys_are_named(bundle: Path, key: Path, tmp_path: Path):
    """RSA, a password, a public key for a private one, no key at all, no file: one line each, and nothing is signed."""
    (tmp_path / "text").write_text("no key")
    (tmp_path / "large").write_bytes(b"-----BEGIN PRIVATE KEY-----" * 1000)
    (tmp_path / "broken").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    openssl("genpkey", "-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:2048", "-out", tmp_path / "rsa")
    openssl("pkey", "-in", key, "-aes256", "-passout", "pass:secret", "-out", tmp_path / "locked")
    for name, message in (
        ("text", "holds no private key"),
        ("large", "holds no private key"),
        ("broken", "not a private key that can be read"),
        ("rsa", "not a key of Ed25519"),
        ("locked", "has a password"),
        ("key.pem.pub", "holds no private key"),
        ("missing", "cannot be read"),
    ):
        with pytest.raises(UsageError, match=message) as caught:
            sign(bundle, tmp_path / name)
        assert "\n" not in caught.value.message
    with pytest.raises(UsageError, match="holds no public key"):
        check_signature(bundle, key)
    assert not (bundle / SIGNATURE).exists()


def test_a_key_is_never_written_over(key: Path, tmp_path: Path):
    """Neither an existing file, nor the target of a link, nor half a pair."""
    before = key.read_bytes()
    (tmp_path / "link").symlink_to(key)
    (tmp_path / "half.pub").write_text("mine")
    for name in ("key.pem", "link", "half", "no/folder"):
        with pytest.raises(OutputError):
            new_key(tmp_path / name)
    assert key.read_bytes() == before
    assert not (tmp_path / "half").exists()
    assert (tmp_path / "half.pub").read_text() == "mine"


def test_verify_asks_for_the_signature_only_with_a_key(bundle: Path, key: Path):
    """Without --public-key there is no such check; with it, an unsigned bundle fails and a signed one passes."""
    assert "signature" not in {check.what for check in verify(bundle, runtimes=())}
    for expected in (False, True):
        found = verify(bundle, runtimes=(), public_key=public(key))[0]
        assert (found.what, found.file, found.ok) == ("signature", SIGNATURE, expected)
        sign(bundle, key)


def test_embed_copies_the_signature_and_names_the_key(bundle: Path, key: Path, tmp_path: Path):
    """The app gets signature and key, or nothing where the bundle is not signed."""
    assets = tmp_path / "app/src/main/assets"
    assets.mkdir(parents=True)
    place = android_place(assets, package="com.example")
    with pytest.raises(BundleError, match="not signed"):
        embed(bundle, place, public_key=public(key))
    assert list(assets.iterdir()) == []
    sign(bundle, key)
    embed(bundle, place, public_key=public(key))
    assert (place.folder / SIGNATURE).read_bytes() == (bundle / SIGNATURE).read_bytes()
    assert place.kotlin is not None
    assert f'val publicKey: String? = "{public_hex(public(key))}"' in place.kotlin.read_text()
    embed(bundle, place, public_key=public(key), check=True)
    embed(bundle, place)
    assert not (place.folder / SIGNATURE).exists()
    assert "val publicKey: String? = null" in place.kotlin.read_text()
