"""A file that is missing, of another size or outside of the bundle is named when the bundle is opened.

One of the right size with another content is named when it is used, before anything reads it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert import bundle as bundles
from edgebert.bundle import GOLDEN, check_inside, open_bundle
from edgebert.errors import BundleError
from tests.bundle.manifests import FILES, add_file, as_in_the_hub_cache

LFS_POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 267832558\n"


@settings(max_examples=40)
@given(data=st.data())
def test_a_flipped_bit_in_any_file_is_named(whole: Path, data: st.DataObject):
    """One bit, anywhere in any file that the manifest lists: that file is refused by name when it is used."""
    file = data.draw(st.sampled_from(FILES))
    path = whole / file
    content = path.read_bytes()
    at = data.draw(st.integers(0, len(content) - 1))
    flipped = bytearray(content)
    flipped[at] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(flipped)
    try:
        opened = open_bundle(whole)
        for use in (lambda: opened.path(file), opened.check_files, lambda: opened.path(file)):
            with pytest.raises(BundleError, match="the content is not what the manifest says") as caught:
                use()
            assert caught.value.message.startswith(f"{path}: ")
        for other in FILES:
            if other != file:
                assert opened.path(other) == whole / other
    finally:
        path.write_bytes(content)
    opened.check_files()


@pytest.mark.parametrize("file", FILES)
def test_a_missing_file_is_named(file: str, bundle: Path):
    """A file that the manifest lists and the folder lacks, or has as something else, is named."""
    path = bundle / file
    path.unlink()
    with pytest.raises(BundleError, match="missing from the bundle") as caught:
        open_bundle(bundle)
    assert caught.value.message.startswith(f"{path}: ")
    path.mkdir()
    with pytest.raises(BundleError, match="missing from the bundle"):
        open_bundle(bundle)


@pytest.mark.parametrize("file", FILES)
def test_a_file_of_another_size_is_named_with_both_sizes(file: str, bundle: Path):
    """A cut or extended file is named with the size it has and the size it should have."""
    path = bundle / file
    content = path.read_bytes()
    for changed in (content[:-1], content + b"\n", b""):
        path.write_bytes(changed)
        expected = f"{path}: {len(changed)} bytes, the manifest says {len(content)}"
        with pytest.raises(BundleError) as caught:
            open_bundle(bundle)
        assert caught.value.message == expected


def test_a_bundle_in_the_cache_of_the_hub_opens(bundle: Path, tmp_path: Path):
    """Every file is a link that leads out of the folder; the content is right, so the bundle is whole."""
    snapshot = as_in_the_hub_cache(bundle, tmp_path / "cache")
    assert all((snapshot / file).is_symlink() for file in FILES)
    opened = open_bundle(snapshot)
    assert (opened.manifest, opened.golden()) == (open_bundle(bundle).manifest, open_bundle(bundle).golden())


@pytest.mark.parametrize("file", FILES)
def test_a_link_to_another_file_outside_tells_nothing_of_that_file(file: str, bundle: Path, tmp_path: Path):
    """A link to a foreign file, longer, empty or as long as the right one, gives one message for all of them."""
    path, outside = bundle / file, tmp_path / "outside"
    content = path.read_bytes()
    path.unlink()
    path.symlink_to(outside)
    messages = set()
    for other in (b"a secret", b"", bytes(len(content)), bytes(len(content) + 7)):
        outside.write_bytes(other)
        with pytest.raises(BundleError, match="leads out of the bundle") as caught:
            open_bundle(bundle).path(file)
        messages.add(caught.value.message)
    assert len(messages) == 1
    outside.write_bytes(content)
    open_bundle(bundle).check_files()
    outside.unlink()
    with pytest.raises(BundleError, match="where there is no file"):
        open_bundle(bundle)


def test_a_linked_folder_is_as_good_as_its_files(bundle: Path, tmp_path: Path):
    """A folder of the bundle that is a link opens where every file in it has the right content, and else not."""
    (bundle / "baseline").rename(tmp_path / "elsewhere")
    (bundle / "baseline").symlink_to(tmp_path / "elsewhere")
    open_bundle(bundle).check_files()
    (tmp_path / "elsewhere" / "float32.onnx").write_bytes(b"other")
    with pytest.raises(BundleError, match="leads out of the bundle"):
        open_bundle(bundle)


@pytest.mark.parametrize("file", ["/dev/zero", "/dev/tty", "/proc/self/mem"])
def test_a_link_to_a_device_is_refused_without_being_read(file: str, bundle: Path):
    """A device has no end: it is no file of a bundle."""
    if not Path(file).exists():
        pytest.skip(f"this system has no {file}")
    (bundle / "int8.onnx").unlink()
    (bundle / "int8.onnx").symlink_to(file)
    with pytest.raises(BundleError, match=r"missing from the bundle|leads out of the bundle"):
        open_bundle(bundle)


@pytest.mark.parametrize("file", FILES)
def test_a_pointer_of_git_lfs_is_named(file: str, bundle: Path):
    """A clone without Git LFS has a file of 130 bytes; the hint is the command that fetches the real one."""
    (bundle / file).write_text(LFS_POINTER, encoding="utf-8")
    with pytest.raises(BundleError, match="a pointer of Git LFS") as caught:
        open_bundle(bundle)
    assert caught.value.message.startswith(f"{bundle / file}: ")
    assert caught.value.hint == "git lfs pull"


def test_links_in_a_circle_are_refused(bundle: Path):
    """A folder that is a link to itself holds no file."""
    shutil.rmtree(bundle / "baseline")
    (bundle / "baseline").symlink_to("baseline")
    with pytest.raises(BundleError, match=r"float32\.onnx"):
        open_bundle(bundle)


@pytest.mark.parametrize(
    "file",
    [
        "",
        "/etc/hostname",
        "//etc/hostname",
        "../outside",
        "baseline/../../outside",
        "baseline/..",
        "..",
        "a/../golden.json",
        "..\\outside",
        "baseline\\float32.onnx",
        "C:/outside",
        "C:outside",
        "c:\\outside",
        "\\\\host\\share",
        "file:outside",
        "golden.json\0",
        "\0",
    ],
)
def test_a_path_that_leaves_the_folder_is_refused(file: str, bundle: Path):
    """Absolute paths, '..', other separators, drive letters and NUL are refused, also when no hashes are compared."""
    (bundle.parent / "outside").write_bytes(b"")
    add_file(bundle, file)
    for check in (True, False):
        with pytest.raises(BundleError) as caught:
            open_bundle(bundle, check=check)
        assert f"the path {file!r} leaves the bundle" in caught.value.message
        assert "\0" not in caught.value.message


@pytest.mark.parametrize("file", ["x" * 300, "y/" * 3000 + "z", ".", "golden.json/inside"])
def test_a_path_that_no_file_can_have_is_refused(file: str, bundle: Path):
    """A name longer than the file system takes, the folder itself, and a file below a file are not found."""
    add_file(bundle, file)
    with pytest.raises(BundleError, match=r"missing from the bundle|cannot be read: File name too long"):
        open_bundle(bundle)


@given(file=st.text(max_size=12) | st.lists(st.sampled_from([".", "..", "/", "a", "\\", ":", "\0", "é"])).map("".join))
def test_whatever_a_path_is_it_stays_inside_or_is_refused(file: str):
    """A path that is let through, joined to the root, stays below the root."""
    root = Path("a") / "bundle"
    try:
        check_inside(file, root)
    except BundleError:
        return
    assert root in ((root / file), *(root / file).parents)
    assert ".." not in Path(file).parts


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"schema": 1, "cases": [{"text": 5}]}'])
def test_damaged_golden_texts_are_named(content: bytes, bundle: Path):
    """golden.json that is empty, of another form or not UTF-8 is a damaged bundle; so is its absence."""
    opened = open_bundle(bundle)
    (bundle / GOLDEN).write_bytes(content)
    with pytest.raises(BundleError, match=r"golden\.json: "):
        opened.golden()
    (bundle / GOLDEN).unlink()
    with pytest.raises(BundleError, match=r"golden\.json: "):
        opened.golden()


def test_a_file_is_read_once_and_only_when_it_is_used(whole: Path, monkeypatch: pytest.MonkeyPatch):
    """Opening reads no file but the manifest; each file is hashed at its first use, and not again."""
    hashed: list[str] = []
    digest = bundles.sha256_of
    monkeypatch.setattr(bundles, "sha256_of", lambda path: hashed.append(path.name) or digest(path))
    opened = open_bundle(whole)
    assert hashed == []
    for _ in range(2):
        opened.path("int8.onnx")
        opened.golden()
    assert hashed == ["int8.onnx", GOLDEN]
    opened.check_files()
    assert sorted(hashed) == sorted(Path(file).name for file in FILES)
