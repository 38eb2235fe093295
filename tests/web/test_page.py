"""The whole page in a real Chromium: Python's answers for a good bundle, none for a bad one."""

from __future__ import annotations

import http.server
import json
import re
import threading
from typing import get_args

import numpy as np
import pytest

from edgebert.bundle import open_bundle
from edgebert.card_code import run_text
from edgebert.meaning import Task
from edgebert.text import open_encoder
from tests.support import fakes
from tests.support.node import REPOSITORY
from tests.web.chromium import Chromium, chromium
from tests.web.damages import DAMAGES, OTHER_ANSWERS
from tests.web.pages import copy_of, runtime, script, serving
from tests.wordpiece.make_golden import CASES

PAGE = REPOSITORY / "docs" / "web-demo"
DONE = "!document.querySelector('#about').hidden || !document.querySelector('#refusal').hidden"
CLIENT = "(await import('./js/app.js')).client"

OTHERS = (
    *fakes.TEXTS,
    "[MASK] [SEP]",
    "CAF\u00c9 na\u00efve",
    "\u4e00\u9fff \U0001f44d\U00020000",
    "x" * 200,
    "good " * 60,
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A real bundle with an ONNX file of a tiny model."""
    from edgebert.pipeline import export_bundle

    # What may be missing is asked for before a model is made.
    chromium()
    runtime()
    folder = tmp_path_factory.mktemp("bundle") / "bundle"
    export_bundle(fakes.shared_checkpoint(), folder, formats=("onnx",), lengths=fakes.LENGTHS)
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder that is served, and its address."""
    folder = tmp_path_factory.mktemp("site")
    with serving(folder) as address:
        yield folder, address


@pytest.fixture(scope="module")
def good(bundle, site):
    """The page with the bundle as it is: its folder."""
    script("build").build(bundle, site[0] / "good")
    return site[0] / "good"


@pytest.fixture(scope="module")
def browser():
    """A Chromium, or a skip where there is none."""
    with Chromium() as running:
        yield running


@pytest.fixture
def open_page(browser, site):
    """Return a function that opens a folder of the site and waits until the page has made up its mind."""
    pages = []

    def opened(folder):
        page = browser.page()
        pages.append(page)
        page.open(f"{site[1]}{folder.name}/")
        page.wait(DONE)
        return page

    yield opened
    for page in pages:
        page.close()


@pytest.fixture(scope="module")
def ready(browser, site, good):
    """A page that is ready, for tests that leave it as it is."""
    page = browser.page()
    page.open(f"{site[1]}{good.name}/")
    page.wait(DONE)
    yield page
    page.close()


@pytest.fixture
def damaged(good, site, request):
    """The bundle of a copy of the page, to be damaged, and the folder of the copy."""
    folder = site[0] / re.sub(r"\W+", "-", request.node.name)
    return copy_of(good, folder), folder


def answers(page, texts):
    """Return what the model behind the page makes of texts: answers, or problems by their kind."""
    calls = "Promise.all(texts.map((text) => client.answer(text).catch((problem) => problem.plain())))"
    return page.evaluate(f"(async () => {{ const client = {CLIENT}, texts = {json.dumps(texts)}; return {calls}; }})()")


def ask(page, text):
    """Type a text, press Enter, and return what the page shows."""
    page.evaluate("document.querySelector('#result').replaceChildren()")
    page.type("#text", text)
    page.press("Enter", code=13, text="\r")
    page.wait("document.querySelector('#result').innerText && !document.querySelector('#result.waiting')")
    return page.text("#result")


def refusal(page):
    assert page.evaluate("document.querySelector('#question').hidden && document.querySelector('#status').hidden")
    return page.text("#refusal")


def test_answers_are_those_of_python(bundle, ready):
    """Golden texts and others get Python's ids, its logits within the tolerance, and its label where that is clear."""
    opened = open_bundle(bundle)
    artifact = opened.artifact("int8.onnx")
    encoder = open_encoder(bundle / "tokenizer.json", opened.manifest.text.max_length)
    hard = {json.loads(line)["text"] for line in CASES.read_text(encoding="utf-8").splitlines()}
    texts = [*(case.texts[0] for case in opened.golden().cases), *OTHERS, *sorted(hard)]
    texts = [text for text in texts if len(encoder.encode(text)) > 2]
    expected = [list(encoder.encode(text)) for text in texts]
    found = answers(ready, texts)
    assert [(answer.get("windows") or [None])[0] for answer in found] == expected
    logits = np.array([answer["outputs"][0]["logits"] for answer in found])
    wanted = fakes.onnx_rows(bundle / "int8.onnx", expected)
    assert np.abs(logits - wanted).max() < artifact.tolerance
    # The same file in the same runtime: only where a value falls on the edge of two steps may it round differently.
    assert np.median(np.abs(logits - wanted)) < 1e-4
    clear = np.abs(wanted[:, 0] - wanted[:, 1]) > 2 * artifact.tolerance
    labels = [answer["value"][0]["label"] for answer in found]
    assert clear.sum() > 10
    assert [label for label, sure in zip(labels, clear, strict=True) if sure] == [
        fakes.LABELS[best] for best, sure in zip(wanted.argmax(axis=1), clear, strict=True) if sure
    ]


def test_a_visitor_types_a_text(bundle, ready):
    """Typing and Enter show label, probability, time and the number of tokens, and which tokens they were."""
    shown = ask(ready, "the battery is great")
    ids = [2, *(fakes.VOCABULARY.index(word) for word in ("the", "battery", "is", "great")), 3]
    row = fakes.onnx_rows(bundle / "int8.onnx", [ids])[0]
    share = 100 / (1 + np.exp(-abs(row[0] - row[1])))
    label = fakes.LABELS[int(row.argmax())]
    head = re.match(r"(\w+) ([\d.]+) %\n", shown)
    assert head is not None, shown
    assert head[1] == label
    assert float(head[2]) == pytest.approx(share, abs=0.2)
    assert re.search(r"[\d.]+ ms, 6 tokens", shown)
    tokens = ready.evaluate("Array.from(document.querySelectorAll('#tokens li'), (item) => item.textContent)")
    assert tokens == ["[CLS]", "the", "battery", "is", "great", "[SEP]"]
    assert "32" not in shown
    assert "self-test of" in ready.text("#status")


def test_the_page_says_which_model_it_has(ready):
    """The title is the checkpoint's name with what it does; the line below has file, size and number of labels."""
    assert ready.text("h1") == "tiny text classification"
    assert ready.evaluate("document.title") == "tiny: text classification"
    assert re.fullmatch(r"int8\.onnx, \d+\.\d MB, 2 labels\. It runs in this page: .*", ready.text("#intro"))


def test_an_example_is_a_click(ready):
    """Each example is a button that fills the field and asks."""
    ready.evaluate("document.querySelector('#result').replaceChildren()")
    shown = ready.evaluate("Array.from(document.querySelectorAll('.example'), (each) => each.textContent)")
    assert shown == [text for (text,) in script("build").EXAMPLES["text-classification"]]
    ready.evaluate("document.querySelectorAll('.example')[1].click()")
    ready.wait("document.querySelector('#result .label') && !document.querySelector('#result.waiting')")
    assert ready.evaluate("document.querySelector('#text').value") == shown[1]


def test_unknown_words_are_marked(ready):
    """A token that is [UNK] looks different from a text that says so, and a sentence counts them."""
    shown = ask(ready, "\U0001f600 is great")
    assert "1 word is not in the model's vocabulary and read as [UNK]." in shown
    marks = ready.evaluate(
        "Array.from(document.querySelectorAll('#tokens li'), (each) => [each.textContent, each.className])"
    )
    assert marks == [["[CLS]", ""], ["[UNK]", "unknown"], ["is", ""], ["great", ""], ["[SEP]", ""]]
    assert "[UNK]" not in ask(ready, "the battery is great")


def test_loading_has_a_size(browser, site, good):
    """While the model and the runtime are loaded, the page says how many megabytes they are."""
    page = browser.page()
    watch = (
        "window.steps = []; document.addEventListener('DOMContentLoaded', () => { const step ="
        " document.querySelector('#step'); new MutationObserver(() => window.steps.push(step.textContent))"
        ".observe(step, { childList: true }); });"
    )
    page.call("Page.addScriptToEvaluateOnNewDocument", source=watch)
    page.open(f"{site[1]}{good.name}/")
    page.wait(DONE)
    steps = page.evaluate("window.steps")
    page.close()
    assert re.search(r"Loading the model: \d+\.\d of \d+\.\d MB", steps[0])
    assert [step for step in steps if re.fullmatch(r"Loading ONNX Runtime \(1\d\.\d MB\) and opening the model", step)]
    assert steps[-1].startswith("Ready.")


def test_the_lines_of_a_model_card_run(bundle, browser, good, site):
    """The JavaScript that a card has to copy, as a module of the page, prints the answer."""
    code = re.findall(r"```javascript\n(.*?)```", run_text(open_bundle(bundle).manifest), flags=re.DOTALL)[0]
    module = good / "card.js"
    module.write_text(code, encoding="utf-8")
    page = browser.page()
    page.open(f"{site[1]}{good.name}/")
    browser.events.clear()
    page.evaluate("import('./card.js').then(() => true)")
    module.unlink()
    said = [event["params"]["args"] for event in browser.events if event["method"] == "Runtime.consoleAPICalled"]
    page.close()
    assert said[-1][0]["subtype"] == "array"
    assert {line[0].get("value") for line in said[:-1]} >= {"fetch", "open", "test"}


def test_shift_and_enter_begin_a_new_line(ready):
    """Shift with Enter asks nothing."""
    ready.evaluate("document.querySelector('#result').replaceChildren()")
    ready.type("#text", "good")
    ready.press("Enter", code=13, modifiers=8, text="\r")
    assert ready.evaluate("document.querySelector('#text').value") == "good\n"
    assert ready.text("#result") == ""


@pytest.mark.parametrize("text", ["", " \n\t", "\u200b\u00ad"])
def test_an_empty_text_gets_no_label(ready, text):
    """A text with nothing to read in it gets a sentence that says so."""
    assert ask(ready, text) == "There is nothing to read in the text. Type a word or more."


def test_a_text_of_100_000_characters_is_cut(ready):
    """A very long text is answered by its beginning, and the page says so."""
    shown = ask(ready, "good battery " * 7_700)
    assert "it read only the first 16 tokens" in shown
    ids = answers(ready, ["good battery " * 7_700])[0]["windows"][0]
    assert len(ids) == 16


def test_half_a_character_is_refused(ready):
    """A lone surrogate gets a sentence that says where it is, and the page goes on."""
    (problem,) = answers(ready, ["good \ud83d"])
    assert problem["kind"] == "invalid-text"
    ready.evaluate("(document.querySelector('#text').value = 'a\\ud800', document.querySelector('#ask').click())")
    ready.wait("document.querySelector('#result').innerText.includes('lone surrogate')")
    assert "character 1 is one half of a pair" in ready.text("#result")
    assert ask(ready, "good").startswith(fakes.LABELS)


def test_only_the_latest_question_counts(ready):
    """Two quick questions: the answer to the second is shown, whatever the first one takes."""
    ready.evaluate("document.querySelector('#result').replaceChildren()")
    ready.evaluate(
        "(async () => { const text = document.querySelector('#text'), form = document.querySelector('#question');"
        " text.value = 'good '.repeat(20000); form.requestSubmit(); text.value = ''; form.requestSubmit(); })()"
    )
    ready.wait("document.querySelector('#result').innerText.includes('nothing to read')")
    answers(ready, ["good"])
    assert "nothing to read" in ready.text("#result")


def test_labels_and_texts_are_shown_as_text(damaged, open_page):
    """A label that looks like HTML stays text."""
    root, folder = damaged
    label = "<img src=x onerror=alert(1)>"
    fakes.edit_json(root / "edgebert.json", labels=[label, f"{label} 2"])
    page = open_page(folder)
    assert ask(page, "<b>good</b>").startswith(label)
    assert page.evaluate("document.querySelectorAll('#result img, #tokens b, #about img').length") == 0


@pytest.mark.parametrize("name", OTHER_ANSWERS)
def test_the_self_test_refuses(damaged, open_page, name):
    """With another vocabulary, model or golden text, the page names what differs and answers nothing."""
    root, folder = damaged
    change, words = OTHER_ANSWERS[name]
    change(root)
    page = open_page(folder)
    shown = refusal(page)
    assert "does not give the answers it was made with" in shown
    assert words in shown
    assert answers(page, ["good"])[0]["kind"] == "self-test-failed"


@pytest.mark.parametrize("name", DAMAGES)
def test_a_bad_bundle_gives_a_sentence(damaged, open_page, name):
    """Whatever is wrong with a bundle, the page says what and where, and answers nothing."""
    root, folder = damaged
    change, words = DAMAGES[name]
    change(root)
    shown = refusal(open_page(folder))
    assert words in shown
    assert "undefined" not in shown


def test_a_page_without_its_runtime_says_so(damaged, open_page):
    """Where the files of ONNX Runtime were not uploaded, the page names the runtime instead of waiting for ever."""
    _, folder = damaged
    (folder / "runtime").unlink()
    assert "ONNX Runtime cannot open the model" in refusal(open_page(folder))


def test_nothing_leaves_the_origin(browser, site, ready):
    """Page and worker load from their own origin only, and neither can reach another one even if they try."""
    asked = []

    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Other) as other:
        thread = threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        attempt = "(address) => fetch(address).then(() => 'sent', () => 'refused')"
        # The worker is made as the page makes its own.
        worker = (
            "(address) => new Promise((resolve) => { const source = new Blob([`(${ATTEMPT})('${address}')"
            ".then((found) => self.postMessage(found))`]); const worker = new Worker(URL.createObjectURL(source));"
            " worker.addEventListener('message', ({ data }) => { worker.terminate(); resolve(data); }); })"
        ).replace("ATTEMPT", attempt)
        own, foreign = f"{site[1]}good/style.css", f"http://127.0.0.1:{other.server_port}/leak"
        outcome = [ready.evaluate(f"({way})('{goal}')") for way in (attempt, worker) for goal in (own, foreign)]
        other.shutdown()
        thread.join()
    assert outcome == ["sent", "refused"] * 2
    assert asked == []
    requests = [
        event["params"]["request"]["url"] for event in browser.events if event["method"] == "Network.requestWillBeSent"
    ]
    strange = [url for url in requests if not url.startswith((site[1], "blob:", "about:")) and "/leak" not in url]
    assert requests
    assert strange == []


def test_the_page_can_be_used_without_eyes_or_mouse(ready):
    """Field and button have names, the answer is announced, and Tab goes through them in order."""
    ready.evaluate("document.querySelector('#result').replaceChildren()")
    tree = ready.call("Accessibility.getFullAXTree")["nodes"]
    named = {(node["role"]["value"], node["name"]["value"]) for node in tree if "name" in node and not node["ignored"]}
    assert ("textbox", "Your text") in named
    assert ("button", "Classify") in named
    assert ready.evaluate("document.querySelector('#result').getAttribute('aria-live')") == "polite"
    ready.evaluate("document.querySelector('#text').focus()")
    ready.press("Tab", code=9)
    assert ready.evaluate("document.activeElement.id") == "ask"
    ready.press("Tab", code=9, modifiers=8)
    assert ready.evaluate("document.activeElement.id") == "text"


ENTITY = {"start": 0, "end": 3, "type": "PER", "score": 0.875, "text": "Ann"}
PLACE = {"start": 7, "end": 12, "type": "LOC", "score": 0.5, "text": "<b>Ulm"}

VIEWS = [
    (
        "multi-label-classification",
        [{"value": [{"label": "a", "probability": 0.75, "threshold": 0.5, "given": True}]}],
        ["x"],
        "a a 75.0 %",
        {".threshold": 1, ".low": 0},
    ),
    (
        "multi-label-classification",
        [{"value": [{"label": "a", "probability": 0.25, "threshold": 0.5, "given": False}]}],
        ["x"],
        "No label a 25.0 %",
        {".threshold": 1, ".low": 1},
    ),
    ("text-regression", [{"value": -3.25}], ["x"], "-3.250", {}),
    ("token-classification", [{"value": []}], ["Ann"], "No entities Ann", {"mark": 0}),
    (
        "token-classification",
        [{"value": [ENTITY, PLACE]}],
        ["Ann in <b>Ulm!"],
        "2 entities AnnPER 87.5 % in <b>UlLOC 50.0 %m!",
        {"mark": 2, ".look-0": 1, ".look-1": 1, "b": 0},
    ),
    (
        "question-answering",
        [{"value": {"answer": "\U0001f44d b", "start": 2, "end": 6, "score": 0.5}}],
        ["?", "a \U0001f44d b c"],
        "\U0001f44d b 50.0 % a \U0001f44d b c",
        {"mark": 1},
    ),
    (
        "question-answering",
        [{"value": {"answer": None, "start": 0, "end": 0, "score": 0.75}}],
        ["?", "c"],
        "No answer in the context 75.0 %",
        {"mark": 0},
    ),
    ("feature-extraction", [{"value": [3, 4]}, {"value": [4, 3]}], ["a", "b"], "Similarity 0.960 cosine 0.960", {}),
]
"""Answers of a task, the texts that were asked, the words that are shown, and how many elements of which sort."""


@pytest.mark.parametrize(("task", "given", "texts", "words", "counts"), VIEWS)
def test_every_answer_has_a_view(ready, task, given, texts, words, counts):
    """Each sort of answer is shown in words, with marks at its places in the text, and no text is taken for HTML."""
    shown = f"VIEWS[{json.dumps(task)}].show({json.dumps(given)}, {json.dumps(texts)})"
    counted = f"{json.dumps(list(counts))}.map((each) => box.querySelectorAll(each).length)"
    text, found = ready.evaluate(
        f"(async () => {{ const {{ VIEWS }} = await import('./js/views.js'), box = document.createElement('div');"
        f" document.body.append(box); box.append(...{shown}); const text = box.innerText, found = {counted};"
        f" box.remove(); return [text, found]; }})()"
    )
    assert " ".join(text.split()) == words
    assert dict(zip(counts, found, strict=True)) == counts


def test_every_task_has_a_view(ready):
    """Each task that a bundle may have names as many fields as it has texts, and embeddings two to compare."""
    found = ready.evaluate(
        "(async () => { const { VIEWS } = await import('./js/views.js'), { TASKS } = await import('./js/tasks.js');"
        " return Object.keys(TASKS).map((task) => [task, TASKS[task].texts, VIEWS[task].fields.length]); })()"
    )
    assert {task for task, *_ in found} == set(get_args(Task))
    assert [fields for task, _, fields in found if task == "feature-extraction"] == [2]
    assert all(texts == fields for task, texts, fields in found if task != "feature-extraction")


@pytest.mark.parametrize("width", [320, 1200])
def test_nothing_sticks_out(ready, tmp_path, width):
    """On a small phone and on a wide screen no part of the page is wider than the window, whatever was typed."""
    ask(ready, "\U0001d400" * 300 + " " + "good" * 100)
    ready.screenshot(tmp_path / "page.png", width=width)
    assert ready.evaluate("document.documentElement.scrollWidth") <= width


def test_the_served_page_is_the_one_of_the_repository(good):
    """What is served is what lies in the repository: pages of the tests differ from it in their bundle alone."""
    for name in ("index.html", "style.css", "js/app.js"):
        assert (good / name).read_bytes() == (PAGE / name).read_bytes()
    assert sorted(path.name for path in good.iterdir()) == sorted(
        ["bundle", "edgebert-web-demo.json", "icon.svg", "index.html", "js", "runtime", "style.css"]
    )
