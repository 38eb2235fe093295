"""Entities and answers of real bundles on the page, in a real Chromium: those that Python makes of the same outputs."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from edgebert.examples import Example
from edgebert.prediction import open_predictor
from tests.support.task_bundles import CONTEXT, TEXT, task_bundle
from tests.support.tokenizing import utf16_places
from tests.web.chromium import Chromium, chromium
from tests.web.pages import runtime, script, serving

READY = "!document.querySelector('#about').hidden || !document.querySelector('#refusal').hidden"
FILE = "int8.onnx"

GIVEN = {
    "token-classification": [
        (TEXT,),
        ("\U0001f44d\U0001f3fd e\u0301e\u0301 I\u0307 <b>good</b> film & the battery",),
        ("the battery is great " * 20,),
        (" A\u030angstro\u0308m,\u200b \u4e00\u4e8c\n\tfilm",),
    ],
    "question-answering": [
        ("good film ?", CONTEXT),
        ("good film ?", f"\U0001f600 e\u0301 <i>{CONTEXT}</i> {CONTEXT * 4}"),
        ("the battery " * 40, f"\U0001f44d {CONTEXT}"),
        ("good", ""),
    ],
}

SHOWN = """(() => {
  const shown = document.querySelector("#result .marked"), parts = [];
  let place = 0;
  for (const node of shown?.childNodes ?? []) {
    const words = node.nodeType === Node.TEXT_NODE ? node.data : node.firstChild.data;
    if (node.nodeName === "MARK") {
      parts.push([words, place, place + words.length, node.querySelector(".type")?.textContent ?? ""]);
    }
    place += words.length;
  }
  return { parts, length: place, title: document.querySelector("#result .label").textContent };
})()"""
"""Marked parts with their places in UTF-16 units and what is written in them, the length of the text, and the title."""


@pytest.mark.parametrize("task", GIVEN)
def test_answers_of_a_real_bundle_are_marked(tmp_path, task):
    """What is typed is answered with Python's entities or answer, at their places, behind emoji, marks and HTML."""
    chromium()
    runtime()
    root = task_bundle(task).bundle.root
    predictor, tolerance = open_predictor(root, file=FILE), task_bundle(task).bundle.artifact(FILE).tolerance
    script("build").build(root, tmp_path / "page")
    found = 0
    with serving(tmp_path) as address, Chromium() as browser:
        page = browser.page()
        page.open(f"{address}page/")
        page.wait(READY)
        for texts in GIVEN[task]:
            encoded = predictor.encode(Example(texts=texts))
            outputs = asked(page, texts, encoded, predictor.outputs(encoded), tolerance)
            expected = dataclasses.asdict(predictor.head.decode(encoded, outputs, predictor.meaning))
            shown = typed(page, texts)
            parts, title = wanted(expected, utf16_places(texts[-1]))
            assert shown["parts"] == parts
            assert shown["title"] == title
            if parts:
                assert shown["length"] == utf16_places(texts[-1])[-1]
            found += len(parts)
    assert found >= len(GIVEN[task]) - 1


def asked(page, texts, encoded, own, tolerance):
    """Return the page's outputs for texts, by window: of Python's ids, and within the tolerance of Python's outputs."""
    call = f"const {{ client }} = await import('./js/app.js'); return client.answer(...{json.dumps(texts)});"
    answer = page.evaluate(f"(async () => {{ {call} }})()")
    assert answer["windows"] == [list(window.ids) for window in encoded.windows]
    outputs = []
    for given, expected in zip(answer["outputs"], own, strict=True):
        outputs.append({name: np.float32(given[name]).reshape(row.shape) for name, row in expected.items()})
        assert max(np.abs(outputs[-1][name] - row).max() for name, row in expected.items()) <= tolerance
    return outputs


def wanted(expected, units):
    """Return the marks and the title that the page has to show for an answer of Python."""
    if "entities" in expected:
        items = expected["entities"]
        parts = [[each["text"], each["start"], each["end"], words_in(each)] for each in items]
        title = f"{len(items)} {'entity' if len(items) == 1 else 'entities'}" if items else "No entities"
    elif expected["answer"] is None:
        parts, title = [], "No answer in the context"
    else:
        parts = [[expected["answer"], expected["start"], expected["end"], ""]]
        title = f"{expected['answer']} {percent(expected['score'])}"
    return [[text, units[start], units[end], words] for text, start, end, words in parts], title


def typed(page, texts):
    """Put texts into the fields, ask, and return what is shown."""
    page.evaluate("document.querySelector('#result').replaceChildren()")
    for selector, text in zip(("#text", "#second"), texts, strict=False):
        page.evaluate(f"(document.querySelector('{selector}').value = {json.dumps(text)}, 0)")
    page.evaluate("document.querySelector('#question').requestSubmit()")
    page.wait("document.querySelector('#result .label') && !document.querySelector('#result.waiting')")
    return page.evaluate(SHOWN)


def words_in(entity):
    return f"{entity['type']} {percent(entity['score'])}"


def percent(share):
    return f"{min(max(100 * share, 0.1), 99.9):.1f} %"
