"""Hard inputs of each task, whose IDs, places and outputs every consumer of a bundle must reproduce.

The longest ones are longer than any window, so that they are cut, or read in several windows.
"""

from __future__ import annotations

LABEL_TEXTS = (
    "",
    "excellent",
    "The battery lasts all day, and the screen is bright even outdoors.",
    "It stopped working after two weeks; the seller never answered. Very disappointed!",
    "Not bad at all, although I would not call it good either.",
    "Déjà vu: naïve café, ÅNGSTRÖM, Straße, İstanbul, fiancée.",
    "So happy with this 😀👍🏽 — 10/10, would buy again ❤️",
    "The word [MASK] is typed here, and [SEP] and [CLS] and [UNK] too.",
    "价格便宜，质量很好。안녕하세요 ありがとう Привет",
    "tabs\tand\nlines\r\nand\u00a0hard\u200bspaces\ufeff and controls \x07\x00 too",
    "e\u0301 is not \u00e9 to a program; neither is \ufb01 to fi, nor \u210c to H.",
    "antidisestablishmentarianism" * 6,
    "https://example.org/a?b=c&d=%20#e me@example.org @you #tag $9.99 50% C++ (a+b)*c != d",
    " ".join(f"word{index}" for index in range(500)),
    "good " * 500,
    "   \t  ",
)
"""Inputs that are one text: none, blank, long, in several scripts, with controls and typed special tokens."""

ENTITY_TEXTS = (
    *(text for text in LABEL_TEXTS if len(text) < 1000),
    "Angela Merkel met Barack Obama in Berlin, Germany, on 5 May 2015.",
    "😀👍🏽 e\u0301 Zoë Müller-Lüdenscheidt lives in İstanbul; Ludwig\u200b van Beethoven does not.",
    "I\u0307zmir, A\u030angstro\u0308m and Ho\u0302\u0300 Chi\u0301 Minh: marks before, inside and behind names.",
    "株式会社トヨタ in 東京 sells to 삼성전자 in 서울, and 王小明 to Владимир.",
    "O'Neill's U.S.-based AT&T/T-Mobile (N.Y.) e-mailed me@example.org: \u201cO\u2019Neill\u201d",
    "Office of the United Nations High Commissioner for Human Rights and " * 50,
)
"""Entities: behind emoji, combining marks and removed characters, in one word with marks, and at the cut.

The last has 11 words a name, so that the usual lengths cut inside one where each word is one token.
"""

_LONG_CONTEXT = "a b c d e f g h i j k l m n o p q r s t u v w x y z " * 20
"""520 tokens in every vocabulary, and no more: each window costs time wherever a bundle is checked."""

QUESTION_TEXTS = (
    ("Who wrote the letter?", "The letter was written by Ada Lovelace in 1843."),
    ("", ""),
    ("", "No question was asked."),
    ("What is missing?", ""),
    (" \t ", "\u200b \n"),
    ("How many? " * 200, "Only one."),
    ("Where is the key?", f"{_LONG_CONTEXT}The key is under the seat."),
    ("Who lives there?", "😀👍🏽 e\u0301 naïve café, İstanbul, Straße 12: Zoë Müller\u200b-Lüdenscheidt."),
    ("I\u0307zmir?", "A\u030angstro\u0308m and Ho\u0302\u0300 Chi\u0301 Minh live in I\u0307zmir."),
    ("价格是多少？", "价格是一百元，质量很好。안녕하세요 ありがとう Привет"),
    ("What does [SEP] mean, or [CLS]?", "[CLS] and [SEP] and [MASK] are typed here, and [UNK] too."),
    ("Which\u200b\x00 word?\r\n", "tabs\tand\nlines\r\nand\u00a0hard\ufeff spaces \x07 too"),
    ("antidisestablishmentarianism" * 6, "antidisestablishmentarianism" * 6 + ", pseudopseudohypoparathyroidism"),
)
"""Questions with their contexts: empty, too long, with answers beyond the first window and behind hard characters."""
