"""Compares the web page's tokenizer with Hugging Face's at full size, under Node.

    python -m tests.web.full_tokenizer [--strings 200000] [--texts FOLDER] [--speed]
    python -m tests.web.full_tokenizer --library node_modules/@huggingface/tokenizers/dist/tokenizers.mjs

Every code point up to U+3FFFF in three contexts, random strings, and the texts of a folder, cased and uncased, at
several lengths. Ends with 1 if anything differs. With `--library`, an npm library takes the place of our tokenizer, and
only its ids are compared, not cut.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import tokenizers
from tokenizers import Tokenizer

from tests.android.compare import (
    CHUNK,
    PLANES,
    character_vocabulary,
    differences,
    in_context,
    random_texts,
    reference,
    write_vocabulary,
)
from tests.android.full_tokenizer import LENGTHS, bert_vocabulary, say, texts_of
from tests.web.node import Node

SHOWN = 200
"""Characters of a text or of its ids that are shown where they differ."""

Found = list[tuple[str, object, object]]
Set = tuple[str, list[str], int]


def ours(node: Node, tokenizer: Tokenizer, texts: Sequence[str], max_length: int) -> Found:
    """Return the texts of which our tokenizer makes something else than the reference."""
    return differences(node, tokenizer, texts, max_length=max_length)  # type: ignore[arg-type]


def librarys(node: Node, tokenizer: Tokenizer, texts: Sequence[str], max_length: int) -> Found:
    """Return the texts of which the library makes other ids than the reference, or none."""
    found: Found = []
    for start in range(0, len(texts), CHUNK):
        chunk = texts[start : start + CHUNK]
        rows = node.call("ids", texts=chunk)
        for text, row, encoding in zip(chunk, rows, tokenizer.encode_batch(chunk), strict=True):
            if row != encoding.ids:
                found.append((text, encoding.ids, row))
    return found


def sets(name: str, tokens: Sequence[str], given: list[str], options: argparse.Namespace) -> Iterator[Set]:
    """Yield the texts to compare with a vocabulary: what they are, the texts, and the most tokens of one."""
    random = random_texts(options.seed, count=options.strings, tokens=tokens)
    lengths = LENGTHS[:1] if options.library else LENGTHS
    for max_length in lengths:
        # Where a text is cut is independent of what is in it: some of so many do for other lengths.
        yield "random strings", random if max_length == LENGTHS[0] else random[::20], max_length
        yield "texts", given, max_length
    if name == "characters":
        yield "code points in context", list(in_context(PLANES[: options.points])), LENGTHS[0]


def compare(node: Node, options: argparse.Namespace, folder: Path) -> tuple[int, int]:
    """Compare everything; return the number of comparisons and of differences."""
    find: Callable[[Node, Tokenizer, Sequence[str], int], Found] = librarys if options.library else ours
    vocabularies = {"characters": write_vocabulary(folder / "characters.txt", character_vocabulary(PLANES))}
    if bert := bert_vocabulary():
        vocabularies["BERT"] = bert
    given = list(texts_of(options.texts)) if options.texts else []
    total = wrong = 0
    for name, path in vocabularies.items():
        tokens = path.read_text(encoding="utf-8").split("\n")[:-1]
        for lower_case in (True, False):
            tokenizer = reference(path, lower_case=lower_case)
            tokenizer.save(str(folder / "tokenizer.json"))
            node.load_vocabulary(path, lower_case=lower_case, json=folder / "tokenizer.json")
            casing = "uncased" if lower_case else "cased"
            for kind, texts, max_length in sets(name, tokens, given, options):
                start = time.perf_counter()
                found = find(node, tokenizer, texts, max_length)
                total, wrong = total + len(texts), wrong + len(found)
                say(
                    f"{name}, {casing}, {kind}, at most {max_length} tokens: {len(texts)} compared, "
                    f"{len(found)} differ, {time.perf_counter() - start:.0f} s"
                )
                for text, expected, row in found[:3]:
                    say(f"  {text[:SHOWN]!a}\n    expected {str(expected)[:SHOWN]}\n    got      {str(row)[:SHOWN]}")
    if options.speed and bert and given:
        report_speed(node, bert, given, folder)
    return total, wrong


def report_speed(node: Node, vocabulary: Path, texts: list[str], folder: Path) -> None:
    """Say how fast Node makes ids of texts, once it has warmed up."""
    file = folder / "texts.txt"
    file.write_text("\n".join(line for text in texts for line in text.split("\n") if line.strip()), encoding="utf-8")
    node.load_vocabulary(vocabulary, lower_case=True)
    times = node.call("speed", file=str(file), rounds=15)
    size = file.stat().st_size
    say(f"speed: {size} bytes, first {size / times[0] / 1e3:.2f} MB/s, best {size / min(times) / 1e3:.2f} MB/s")


def main(arguments: list[str]) -> int:
    """Compare and report; return the exit code."""
    parser = argparse.ArgumentParser(description="Compare the page's tokenizer with Hugging Face's at full size.")
    parser.add_argument("--strings", type=int, default=200_000, help="random strings for each vocabulary and casing")
    parser.add_argument("--points", type=int, default=len(PLANES), help="code points in context, from U+0000 on")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random strings")
    parser.add_argument("--texts", type=Path, help="folder with texts to compare as well")
    parser.add_argument("--speed", action="store_true", help="measure the speed on the texts of the folder, too")
    parser.add_argument("--library", type=Path, help="compare this npm library instead of our tokenizer")
    options = parser.parse_args(arguments)
    say(f"tokenizers {tokenizers.__version__}, seed {options.seed}, {options.library or 'our tokenizer'}")
    with tempfile.TemporaryDirectory() as folder, Node(options.library) as node:
        total, wrong = compare(node, options, Path(folder))
    say(f"{total} comparisons, {wrong} differences")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
