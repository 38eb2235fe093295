"""The schema of a report; reports of older ones are read as if they were of the newest."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from edgebert.examples import Key
from edgebert.jsonio import dumps
from edgebert.tasks import TEXT_CLASSIFICATION

REPORT_SCHEMA = 3


def gold_hash(gold: Sequence[Key | None]) -> str:
    """Return the hash of right answers, in their order: reports of equal ones ask the same; empty without any."""
    return hashlib.sha256(dumps(list(gold)).encode()).hexdigest() if gold else ""


def upgraded(plain: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON value of a report as one of the newest schema; what it should not hold stays in it.

    In schema 1 every answer is the index of a label, and the right ones are said once for all files.
    """
    if plain.get("schema") != 1:
        return plain | {"schema": REPORT_SCHEMA}
    bundle, texts, measurements = (plain.get(name) for name in ("bundle", "texts", "measurements"))
    gold: list[Any] = []
    if isinstance(bundle, dict):
        bundle["task"] = TEXT_CLASSIFICATION.task
    if isinstance(texts, dict) and isinstance(texts.get("labels"), list):
        gold = texts.pop("labels")
        texts["gold_sha256"] = gold_hash([(label,) for label in gold])
    for measurement in _objects(measurements):
        for file in _objects(measurement.get("answers")):
            if isinstance(file.get("predicted"), list):
                file["answers"] = [[label] for label in file["predicted"]]
                file["tallies"] = [list(pair) for pair in zip(gold, file.pop("predicted"), strict=False)]
    return plain | {"schema": REPORT_SCHEMA}


def _objects(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
