"""Texts that a tokenizer gets wrong first."""

from __future__ import annotations

from edgebert.tasks import TEXT_CLASSIFICATION

HARD = (
    *(text for (text,) in TEXT_CLASSIFICATION.golden_texts),
    "mask [mask] [ MASK ] [MASK][MASK] x[SEP]y",
    "good\u00adly good\u200dly good\u2060ly",
    "👩‍👩‍👧‍👦 🇩🇪 1️⃣ 🏴‍☠️ 👍🏿",
    "CAFÉ Café cafe\u0301 C\u0327a",
    "ẞ ß SS ſ ŉ ǰ Ω K Å ﬁ ﬀ",
    "ΣΑΣ σας Ὀδυσσεύς İIıi",
    "価格は良い。한국어 한국어 ไทย हिन्दी",
    "\ufffd \x00 \x1f \x7f \x80 \x85 \u2028 \u2029 \u3000 \u180e",
    "good" * 40,
    "a" * 100 + " " + "a" * 101,
    "un" * 49 + "ab " + "un" * 50 + "b",
    "don't_stop--believing...#now@10:30,9",
    "\U00020000 \U0002f800 \U000e0001 \ue000 \U0010ffff \u0378",
    "\u202eright to left\u202c مرحبا שלום",
)
