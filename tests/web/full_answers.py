"""Compares the answers of the page, in a real Chromium, with those of Python.

    python -m tests.web.full_answers --bundle BUNDLE --texts FILE [--screenshots FOLDER]

Takes the golden texts of the bundle and those of a table (column `text` or `sentence`) or .txt file. Ends with 1 if an
id differs, a logit is further from Python's than the file's tolerance, or a clear label is another one.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np

from edgebert.bundle import open_bundle
from edgebert.data import read_training
from edgebert.errors import EdgebertError
from edgebert.text import open_encoder
from tests.support.fakes import onnx_rows
from tests.support.programs import command, say
from tests.support.tiny_files import logits_of
from tests.web.chromium import Chromium, Page
from tests.web.pages import script, serving

BATCH = 50
READY = "!document.querySelector('#about').hidden || !document.querySelector('#refusal').hidden"


def answers(page: Page, texts: list[str]) -> list[dict[str, Any]]:
    """Return what the model behind the page makes of texts."""
    found = []
    for start in range(0, len(texts), BATCH):
        given = json.dumps(texts[start : start + BATCH])
        found += page.evaluate(
            "(async () => { const { client } = await import('./js/app.js'), found = [];"
            f" for (const text of {given}) found.push(await client.answer(text)); return found; }})()"
        )
    return found


def screenshots(page: Page, folder: Path) -> None:
    """Write pictures of a page that has answered: light and dark, wide and on a phone."""
    page.type("#text", "The battery lasts two days, but the screen scratches far too easily.")
    page.press("Enter", code=13, text="\r")
    page.wait("document.querySelector('#result').innerText && !document.querySelector('#result.waiting')")
    page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    folder.mkdir(parents=True, exist_ok=True)
    for name, width, dark in (("light", 1000, False), ("dark", 1000, True), ("phone", 375, False)):
        page.screenshot(folder / f"{name}.png", width=width, dark=dark)


def compare(bundle: Path, found: list[dict[str, Any]], ids: list[list[int]]) -> int:
    """Report how far the page's answers are from Python's; return the exit code."""
    opened = open_bundle(bundle)
    artifact = opened.artifact("int8.onnx")
    same = sum(answer["windows"][0] == row for answer, row in zip(found, ids, strict=True))
    logits = np.array([answer["outputs"][0]["logits"] for answer in found])
    wanted = onnx_rows(bundle / artifact.file, ids)
    apart = np.abs(logits - wanted).max(axis=1)
    agree = logits.argmax(axis=1) == wanted.argmax(axis=1)
    margin = np.sort(wanted, axis=1)
    clear = margin[:, -1] - margin[:, -2] > 2 * artifact.tolerance
    times = np.array([answer["tokenizeMs"] + answer["runMs"] for answer in found])
    say(f"ids: {same} of {len(ids)} texts equal")
    say(
        f"logits: largest difference {apart.max():.6f}, median {np.median(apart):.6f}, "
        f"{(apart > 1e-3).sum()} texts above 0.001; tolerance {artifact.tolerance:.4f}"
    )
    say(f"labels: {agree.sum()} of {len(ids)} equal; of the {clear.sum()} clear ones {agree[clear].sum()}")
    golden = {case.windows[0].input_ids: logits_of(case) for case in opened.golden().cases}
    torch = [
        np.abs(row - golden[tuple(own)]).max() for row, own in zip(logits, ids, strict=True) if tuple(own) in golden
    ]
    say(f"golden texts: {len(torch)} with words, largest difference to torch {max(torch):.6f}")
    say(f"time for a text: median {np.median(times):.1f} ms, 95 of 100 below {np.percentile(times, 95):.1f} ms")
    return 0 if same == len(ids) and apart.max() <= artifact.tolerance and agree[clear].all() else 1


def main(arguments: list[str]) -> int:
    """Compare and report; return the exit code."""
    parser = argparse.ArgumentParser(description="Compare the answers of the page with those of Python.")
    parser.add_argument("--bundle", type=Path, required=True, help="bundle to serve")
    parser.add_argument("--texts", type=Path, required=True, help="texts beside the golden ones (.tsv or .txt)")
    parser.add_argument("--screenshots", type=Path, help="folder for pictures of the page")
    options = parser.parse_args(arguments)
    try:
        opened = open_bundle(options.bundle)
        given = list(read_training(options.texts, labels=None).texts)
    except EdgebertError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    encoder = open_encoder(opened.path("tokenizer.json"), opened.manifest.text.max_length)
    texts = [*(case.texts[0] for case in opened.golden().cases), *given]
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as address, Chromium() as browser:
        script("build").build(options.bundle, Path(folder) / "page")
        version = browser.call("Browser.getVersion")["product"]
        page = browser.page()
        page.open(f"{address}page/")
        page.wait(READY)
        say(page.text("#status") or page.text("#refusal"))
        if options.screenshots:
            screenshots(page, options.screenshots)
        # The page answers no text without words; its self-test has run those of the golden texts.
        spoken = [text for text in texts if len(encoder.encode(text)) > 2]
        found = answers(page, spoken)
    say(f"{len(spoken)} texts, {version}")
    return compare(options.bundle, found, [list(encoder.encode(text)) for text in spoken])


if __name__ == "__main__":
    command(main)
