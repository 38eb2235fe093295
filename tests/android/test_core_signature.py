"""The Java core checks Ed25519 signatures as RFC 8032 and the package cryptography do, before it reads a manifest."""

from __future__ import annotations

import random

import pytest

pytest.importorskip("cryptography", reason="extra sign")

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from edgebert.publishing import SIGNATURE, new_key, public_hex, sign
from tests.android.calls import edit_manifest, error_of
from tests.support.small_bundles import small_bundle

ORDER = 2**252 + 27742317777372353535851937790883648493
# RFC 8032, 7.1, tests 1 to 3: public key, message, signature.
VECTORS = (
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
)


def is_valid(jvm, key: str, message: str, signature: str) -> bool:
    return jvm.call("signature", key=key, message=message, signature=signature)


@pytest.mark.parametrize(("key", "message", "signature"), VECTORS)
def test_the_vectors_of_the_standard(jvm, key, message, signature):
    """The signatures of RFC 8032 are good, and not those of another message."""
    assert is_valid(jvm, key, message, signature)
    assert not is_valid(jvm, key, message + "00", signature)


def test_signatures_of_another_implementation(jvm):
    """What cryptography signs is good; a flipped bit in key, message or signature is judged as cryptography does."""
    numbers = random.Random(7)
    for size in (0, 1, 31, 200, 5000):
        private = Ed25519PrivateKey.from_private_bytes(numbers.randbytes(32))
        message = numbers.randbytes(size)
        whole = [private.public_key().public_bytes_raw(), message, private.sign(message)]
        assert is_valid(jvm, *(part.hex() for part in whole))
        for index, part in enumerate(whole):
            for _ in range(4 if part else 0):
                changed = bytearray(part)
                changed[numbers.randrange(len(part))] ^= 1 << numbers.randrange(8)
                parts = [*whole[:index], bytes(changed), *whole[index + 1 :]]
                assert is_valid(jvm, *(each.hex() for each in parts)) == accepted(*parts) is False


def accepted(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def test_a_second_form_of_a_signature_is_none(jvm):
    """A scalar with the order of the group added, a point outside the field, and other lengths are refused."""
    key, message, signature = VECTORS[1]
    scalar = int.from_bytes(bytes.fromhex(signature[64:]), "little") + ORDER
    assert not is_valid(jvm, key, message, signature[:64] + scalar.to_bytes(32, "little").hex())
    for number in (2**255 - 19, 2**255 - 1, 2):
        assert not is_valid(jvm, number.to_bytes(32, "little").hex(), message, signature)
    for wrong in ("", signature[:-2], signature + "00"):
        assert not is_valid(jvm, key, message, wrong)
    assert not is_valid(jvm, key[:-2], message, signature)


def test_an_app_opens_only_what_its_key_signed(jvm, tmp_path):
    """A bundle without signature, with one of another key, or rewritten with its digest is not opened."""
    bundle = small_bundle(tmp_path / "bundle")
    keys = []
    for name in ("key", "other"):
        new_key(tmp_path / name)
        keys.append(public_hex(tmp_path / f"{name}.pub"))
    call = {"folder": str(bundle), "public_key": keys[0]}
    assert error_of(jvm, "open", **call)[0] == "MISSING_FILE"
    sign(bundle, tmp_path / "other")
    kind, message = error_of(jvm, "open", **call)
    assert kind == "DAMAGED_FILE"
    assert message.startswith("edgebert.sig: is no signature of this manifest with the key that the app trusts")
    sign(bundle, tmp_path / "key")
    assert jvm.call("open", **call)["labels"]
    edit_manifest(bundle, labels=["b", "a"])
    assert jvm.call("open", folder=str(bundle))["labels"] == ["b", "a"]
    assert error_of(jvm, "open", **call)[0] == "DAMAGED_FILE"
    for wrong in (b"", b"zz" * 64 + b"\n", b"\xff\xfe"):
        (bundle / SIGNATURE).write_bytes(wrong)
        assert error_of(jvm, "open", **call)[0] == "DAMAGED_FILE"
