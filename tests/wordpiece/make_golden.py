"""Writes the tokenizer's golden texts: what every implementation in this repository must make of them.

    python -m tests.wordpiece.make_golden [MORE.jsonl ...]

The texts are those that are in cases.jsonl already, the hard ones below, and the `text` of each line of the files
named. Ids and offsets come from the installed `tokenizers`; the vocabulary is our own and made for these texts: nearly
every character has ids of its own, and some words and pieces are there for the longest match.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.normalizers import BertNormalizer

from edgebert.tasks import TEXT_CLASSIFICATION
from tests.support.fakes import SPECIALS
from tests.support.tokenizing import reference, write_vocabulary

GOLDEN = Path(__file__).parents[1] / "golden" / "wordpiece"
CASES, VOCABULARY = GOLDEN / "cases.jsonl", GOLDEN / "vocab.txt"

LENGTHS = (128, 2, 3, 8)
"""Every text is cut to the first; some are cut to the others as well."""

WORDS = (
    *("good", "film", "bad", "the", "un", "able", "unable", "word", "cafe", "naive", "Film", "Straße"),
    *("##able", "##ing", "##s", "##word", "##lm", "##ood", "##é"),
)

HARD = (
    "mask [mask] [ MASK ] [MASK][MASK] x[SEP]y",
    "[[MASK]] [MASK [MAS[MASK]K] [UNK][PAD] [CLS]",
    "a[MASK]\u0301b [MASK]\u0301",
    "goods unable unableable filming words wordword",
    "good\u00adly good\u200dly good\u2060ly",
    "CAF\u00c9 Caf\u00e9 cafe\u0301 C\u0327a na\u00efve",
    "\u1e9e \u00df SS \u017f \u0149 \u01f0 \u2126 \u212a \u212b \ufb01 \ufb00",
    "\u03a3\u0391\u03a3 \u03c3\u03b1\u03c2 \u1f48\u03b4\u03c5\u03c3\u03c3\u03b5\u03cd\u03c2 \u0130\u0131Ii",
    "\u1c89 \ua7cb \U00010d50 \U00016ea0 \u10a0 \u13a0 \uab70",
    "\u0344a \u0f73 a\u0f74\u0f73 \u0958 \u0929 \u2adc",
    "a\u0323\u0307 a\u0307\u0323 \u1e69 s\u0307\u0323 q\u0307\u0323\u0345",
    "a\u302e\u0323\u302f b \u1baa\u0301 \u08d4\u0301 \u1df5",
    "\uac00 \uac01 \ud7a3 \u1100\u1161\u11a8 \uac00\u11a8",
    "\u4e00\u9fff\u3400\u4dbf \u4dc0\ua000 \uf900\ufaff\ufb00 \u3007 \u30a2",
    "\U00020000 \U0002a6df\U0002a6e0 \U0002b81f\U0002b820\U0002b920 \U0002f800\U0002fa1f",
    "\ufffd \x00 \x1f \x7f \x80 \x85 \u2028 \u2029 \u3000 \u180e \u1680",
    "a\x0bb\x0cc\x1cd\x85e\u2028f\u00a0g\u200bh",
    "\U000e0001 \ue000 \U0010ffff \u0378 \u08e2 \u0890 \U000110cd",
    "a$b+c<d=e>f^g`h|i~j \u00a7k\u00b6l \u00abm\u00bb \u061d \u2e52 \U000111c9 \u037e \u1fef",
    "\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea 1\ufe0f\u20e3 \U0001f44d\U0001f3ff \u2764\ufe0f",
    "a" * 100 + " " + "a" * 101 + " " + "\u00e9" * 100 + " " + "\u00e9" * 101,
    "e\u0301" * 100 + " " + "\uac01" * 33 + " " + "\uac01" * 34,
    "\U0001d400" * 100 + "\U0001d400 x",
    "a\u0301" * 30 + "\u0301" * 60,
    "\u202eright to left\u202c \u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd",
    "good " * 200,
)


def vocabulary(texts: Iterable[str]) -> list[str]:
    """Return the tokens that texts are spelled with, but for every seventh character."""
    characters: set[str] = set()
    for lower_case in (True, False):
        normalize = BertNormalizer(lowercase=lower_case).normalize_str
        characters.update(*(normalize(text) for text in texts))
    kept = [c for c in sorted(characters) if c != " " and (c.isascii() or ord(c) % 7)]
    return list(dict.fromkeys((*SPECIALS, *WORDS, *kept, *(f"##{c}" for c in kept if c.isascii() or ord(c) % 5))))


def answer(tokenizer: Tokenizer, text: str, max_length: int) -> dict[str, object]:
    """Return ids and offsets of a text."""
    tokenizer.enable_truncation(max_length)
    encoding = tokenizer.encode(text)
    return {"ids": encoding.ids, "offsets": [list(pair) for pair in encoding.offsets]}


def lines(texts: Sequence[str], path: Path) -> list[str]:
    """Return the lines of cases.jsonl: each text cut to 128 tokens, and one in ten cut to each other length.

    Args:
        texts: The texts.
        path: The vocabulary.
    """
    uncased, cased = (reference(path, lower_case=lower_case) for lower_case in (True, False))
    found = []
    for index, text in enumerate(texts):
        for place, max_length in enumerate(LENGTHS):
            if place == 0 or index % 10 == place:
                case = {
                    "text": text,
                    "max_length": max_length,
                    "uncased": answer(uncased, text, max_length),
                    "cased": answer(cased, text, max_length),
                }
                found.append(json.dumps(case, separators=(",", ":")))
    return found


def texts_in(path: Path) -> list[str]:
    """Return the texts of a .jsonl file; none if there is no such file."""
    if not path.is_file():
        return []
    return [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]


def main(arguments: list[str]) -> int:
    """Write vocabulary and cases; return the exit code."""
    more = [text for path in arguments for text in texts_in(Path(path))]
    golden = (text for (text,) in TEXT_CLASSIFICATION.golden_texts)
    texts = list(dict.fromkeys((*golden, *HARD, *texts_in(CASES), *more)))
    GOLDEN.mkdir(parents=True, exist_ok=True)
    write_vocabulary(VOCABULARY, vocabulary(texts))
    CASES.write_text("".join(f"{line}\n" for line in lines(texts, VOCABULARY)), encoding="utf-8")
    sys.stdout.write(f"{len(texts)} texts\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
