"""Real, app-like texts for the demo: review sentences and tweets, each rated by twenty people.

They come with the source archive of the package vaderSentiment (MIT): C. J. Hutto and E. Gilbert, "VADER: A
Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text", ICWSM 2014. pip fetches the archive into a
cache; two members of it are read in memory, and nothing is unpacked or installed.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
import zlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from edgebert.errors import DataError, EnvironmentProblem, UsageError
from edgebert.staging import replace_file, writing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Label = Literal["negative", "positive"]

NEUTRAL_RATING = 0.5
"""Texts whose mean rating is no further than this from 0 are left out: people did not agree on a side."""

_OWN_DATA_HINT = "or use texts of your own: edgebert demo --train FILE --eval FILE"
_INNER_ARCHIVE = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
_MEMBERS = (
    "hutto_ICWSM_2014/amazonReviewSnippets_GroundTruth.txt",
    "hutto_ICWSM_2014/tweets_GroundTruth.txt",
)
_MEMBER_LIMIT_BYTES = 16 * 2**20
_BROKEN_ARCHIVE = (tarfile.TarError, EOFError, OSError, zlib.error)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceArchive:
    """A source archive on a package index, pinned to its very bytes.

    Attributes:
        requirement: What pip is asked for, as in ``name==version``.
        file: File name of the archive.
        size_bytes: Its size.
        sha256: Its hash, 64 hex digits.
    """

    requirement: str
    file: str
    size_bytes: int
    sha256: str


VADER = SourceArchive(
    requirement="vaderSentiment==3.3.2",
    file="vaderSentiment-3.3.2.tar.gz",
    size_bytes=2_466_783,
    sha256="5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
)
"""The archive that holds the demo's texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedText:
    """A text and the mean of its ratings, from -4 (very negative) to 4 (very positive)."""

    text: str
    rating: float

    @property
    def label(self) -> Label:
        """``positive`` for a rating above 0, else ``negative``."""
        return "positive" if self.rating > 0 else "negative"


def fetch_source(cache: Path, *, source: SourceArchive = VADER) -> Path:
    """Return the path of the source archive in ``cache``, fetched with pip unless it is there already.

    A file of that name with other content is fetched again. pip itself checks the hash before it runs any code of
    the archive (it asks the archive for its metadata), and the hash is checked here once more.

    Args:
        cache: Folder to keep the archive in; made when missing.
        source: The archive to fetch.

    Raises:
        EnvironmentProblem: pip could not fetch the archive, or what it fetched is not the pinned one.
        OutputError: The cache cannot be written.
    """
    cached = cache / source.file
    if not _mismatch(cached, source):
        return cached
    with writing(cache):
        cache.mkdir(parents=True, exist_ok=True)
        # Beside its destination, so that moving it there is one atomic rename.
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=cache) as folder:
            requirements = Path(folder) / "requirements.txt"
            requirements.write_text(f"{source.requirement} --hash=sha256:{source.sha256}\n", encoding="utf-8")
            _pip_download(requirements, source)
            fetched = requirements.with_name(source.file)
            if mismatch := _mismatch(fetched, source):
                raise EnvironmentProblem(
                    f"pip fetched another {source.file} than edgebert knows: {mismatch}",
                    hint=f"check which package index pip uses, {_OWN_DATA_HINT}",
                )
            fetched.replace(cached)
    return cached


def read_texts(archive: Path) -> tuple[RatedText, ...]:
    """Return the review sentences and tweets in the source archive that people rated as positive or negative.

    Args:
        archive: What ``fetch_source`` returned.

    Raises:
        DataError: The archive is damaged, lacks a member, or a line of a member is malformed.
    """
    try:
        with tarfile.open(archive, mode="r:gz") as outer:
            inner_bytes = _member(outer, _INNER_ARCHIVE, archive)
        with tarfile.open(fileobj=io.BytesIO(inner_bytes), mode="r:gz") as inner:
            members = {name: _member(inner, name, archive) for name in _MEMBERS}
    except _BROKEN_ARCHIVE as error:
        raise DataError(f"{archive}: not a readable tar.gz archive: {error}", hint="delete it and try again") from error
    texts = (text for name, content in members.items() for text in _parse(content, f"{archive}: {name}"))
    return tuple(text for text in texts if abs(text.rating) > NEUTRAL_RATING)


def write_split(texts: Sequence[RatedText], folder: Path, *, held_back: int = 1000) -> tuple[Path, Path]:
    """Write ``train.tsv`` and ``eval.tsv`` with columns ``text`` and ``label``, and return their paths.

    Which text goes where follows from the hash of the text alone, so it is the same on every machine and for every
    order of ``texts``. Texts that differ only in case or blanks are never in both parts. Existing files are replaced.

    Args:
        texts: The texts to split.
        folder: Folder to write to; made when missing.
        held_back: Number of texts in ``eval.tsv``.

    Raises:
        UsageError: ``held_back`` leaves one of the parts empty, or no such split exists.
        OutputError: The folder cannot be written.
    """
    if not 0 < held_back < len(texts):
        raise UsageError(f"cannot hold back {held_back} of {len(texts)} texts", hint="both parts need at least one")
    groups: defaultdict[str, list[RatedText]] = defaultdict(list)
    for text in texts:
        groups[hashlib.sha256(" ".join(text.text.lower().split()).encode()).hexdigest()].append(text)
    train: list[RatedText] = []
    evaluation: list[RatedText] = []
    for _, group in sorted(groups.items()):
        fits = len(evaluation) + len(group) <= held_back
        (evaluation if fits else train).extend(sorted(group, key=lambda text: (text.text, text.rating)))
    if len(evaluation) != held_back:
        raise UsageError(f"no split holds back {held_back} of the {len(texts)} texts: too many are duplicates")
    train_path, evaluation_path = folder / "train.tsv", folder / "eval.tsv"
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _write_tsv(train, train_path)
        _write_tsv(evaluation, evaluation_path)
    return train_path, evaluation_path


def _mismatch(path: Path, source: SourceArchive) -> str:
    """Return how the file differs from the pinned archive, or an empty text if it does not."""
    try:
        size_bytes = path.stat().st_size
        if size_bytes != source.size_bytes:
            return f"{size_bytes:,} bytes instead of {source.size_bytes:,}"
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    return "" if sha256 == source.sha256 else f"sha256 {sha256} instead of {source.sha256}"


def _pip_download(requirements: Path, source: SourceArchive) -> None:
    package = source.requirement.partition("==")[0]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
    # Source only for this package: its build tools may come as wheels, which is quicker.
    command += ["--retries", "2", "--no-deps", "--no-binary", package]
    command += ["--dest", str(requirements.parent), "--requirement", str(requirements)]
    result = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if result.returncode:
        lines = [line.strip() for line in result.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR:")] or lines or [f"exit code {result.returncode}"]
        raise EnvironmentProblem(
            f"pip cannot download {source.requirement}: {errors[-1].removeprefix('ERROR:').strip()}",
            hint=f"check pip and the network, {_OWN_DATA_HINT}",
        )


def _member(archive: tarfile.TarFile, name: str, source: Path) -> bytes:
    try:
        info = archive.getmember(name)
    except KeyError as error:
        raise DataError(f"{source}: has no member {name}", hint="delete it and try again") from error
    if info.size > _MEMBER_LIMIT_BYTES:
        raise DataError(f"{source}: {name} has {info.size:,} bytes, more than the {_MEMBER_LIMIT_BYTES:,} expected")
    stream = archive.extractfile(info) if info.isfile() else None
    if stream is None:
        raise DataError(f"{source}: {name} is not a plain file")
    with stream:
        return stream.read()


def _parse(content: bytes, source: str) -> Iterator[RatedText]:
    for number, raw in enumerate(content.split(b"\n"), start=1):
        where = f"{source}: line {number}"
        try:
            line = raw.decode("utf-8").rstrip("\r")
        except UnicodeDecodeError as error:
            raise DataError(f"{where}: not UTF-8 at byte {error.start}") from error
        if not line:
            continue
        fields = line.split("\t", 2)
        if len(fields) != 3 or not fields[2].strip():
            raise DataError(f"{where}: expected id, mean rating and text, separated by tabs; got {line[:60]!r}")
        try:
            rating = float(fields[1])
        except ValueError as error:
            raise DataError(f"{where}: the mean rating {fields[1]!r} is not a number") from error
        if not -4 <= rating <= 4:
            raise DataError(f"{where}: the mean rating {rating} is not between -4 and 4")
        yield RatedText(text=fields[2], rating=rating)


def _write_tsv(texts: Sequence[RatedText], path: Path) -> None:
    # The format knows no quoting, so every kind of blank, tab and line break becomes one blank.
    lines = ["text\tlabel", *(f"{' '.join(text.text.split())}\t{text.label}" for text in texts)]
    replace_file(path, ("\n".join(lines) + "\n").encode("utf-8"))
