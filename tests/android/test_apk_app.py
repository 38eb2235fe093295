"""What the app does, without a phone: its own classes over fakes of Android's, and the real ONNX Runtime."""

from __future__ import annotations

import re
import shutil
import time

import pytest

import export.apk.build
from edgebert.batching import pad_batch
from edgebert.bundle import open_bundle
from edgebert.ondevice.session import open_session
from edgebert.text import open_encoder
from tests.android.calls import decoded
from tests.android.phone import Phone, texts
from tests.support import fakes

FILE = "int8.onnx"
TEXT = "not very good"


def python_answer(text, *, file=FILE):
    """Return label and probability as Python gives them for the same file."""
    folder = fakes.shared_bundle()
    manifest = open_bundle(folder).manifest
    ids = open_encoder(folder / "tokenizer.json", manifest.text.max_length).encode(text)
    outputs = open_session(str(folder / file), "onnxruntime").run(*pad_batch([ids], 0))
    found = decoded(outputs["logits"][0], manifest.labels)
    return found.label, found.probability, len(ids)


def probability(shown):
    return shown["bars"]["children"][1]["share"]


def refused(shown, name):
    """Assert that the screen has a message, in the words of the app, and no answer."""
    assert shown["status"]["text"].startswith(texts()[name])
    assert shown["status"]["visible"]
    assert not shown["answer"]["visible"]
    return shown["status"]["text"]


def test_first_start_tests_the_model_and_then_answers(phone):
    """The model is copied and tested on a thread of its own; then a text gets Python's label and probability."""
    ready = phone.show()
    assert ready["status"]["text"] == texts()["status_ready"]
    assert not ready["answer"]["visible"]
    assert ready["environment"] == {"ORT_DISABLE_TELEMETRY": "1"}
    phone.ask(TEXT)
    shown = phone.show()
    label, share, tokens = python_answer(TEXT)
    assert shown["answer"]["visible"]
    assert shown["title"]["text"].startswith(f"{label}, ")
    assert probability(shown) == pytest.approx(share, abs=0.02)
    assert shown["title"]["description"].startswith(f"Label {label}, probability ")
    assert f"Length: {tokens} tokens, run at {tokens}" in shown["details"]["text"]
    assert len(shown["bars"]["children"]) == 2 * len(open_bundle(fakes.shared_bundle()).manifest.labels)
    assert shown["threads running"].count("edgebert-model") == 1


def test_copy_of_the_model_is_named_by_its_hash(phone, root):
    """The file that the runtime opens is a copy out of the assets, in the folder that is never backed up."""
    phone.show()
    (copy,) = (root / "no_backup" / "models").glob("*.onnx")
    assert copy.name.startswith(open_bundle(fakes.shared_bundle()).artifact(FILE).sha256)
    assert copy.read_bytes() == (fakes.shared_bundle() / FILE).read_bytes()


def test_only_the_latest_of_quick_taps_counts(phone):
    """Many quick taps and a changed text end in the answer to the last text, once."""
    phone.ask("great", taps=5)
    phone.ask("good " * 100)
    phone.ask(TEXT, taps=3)
    shown = phone.show()
    assert f"Length: {python_answer(TEXT)[2]} tokens" in shown["details"]["text"]


def test_turning_in_mid_inference_keeps_model_text_and_answer(phone):
    """A phone that is turned while the model works shows the answer on the new screen, from the same model."""
    phone.show()
    phone.reply("choose", id="threads", place=2)
    phone.show()
    phone.ask(TEXT)
    phone.reply("turn")
    shown = phone.show()
    assert shown["answer"]["visible"]
    assert shown["text"]["text"] == TEXT
    assert shown["threads"]["place"] == 2
    assert shown["threads running"].count("edgebert-model") == 1
    phone.reply("turn")
    assert phone.show()["title"]["text"] == shown["title"]["text"]


def test_turning_while_the_model_is_opened_opens_it_once(phone):
    """A phone that is turned at once shows the same session, which becomes ready."""
    phone.reply("turn")
    phone.reply("turn")
    shown = phone.show()
    assert shown["status"]["text"] == texts()["status_ready"]
    assert shown["threads running"].count("edgebert-model") == 1
    assert len(shown["model"]["items"]) == 1


def test_leaving_the_screen_closes_the_model(phone):
    """Without a screen there is no thread of the model, even when it was working."""
    phone.ask("good " * 200)
    phone.reply("leave")
    for _ in range(500):
        if "edgebert-model" not in phone.reply("show", unsettled=[], status="status")["threads running"]:
            return
        time.sleep(0.01)
    pytest.fail("the model's thread goes on")


def test_memory_that_the_system_wants_back_is_released(phone):
    """A model that was released answers the next text; a mild warning releases nothing."""
    phone.show()
    phone.reply("trim", level=15)
    phone.reply("trim", level=80)
    phone.ask(TEXT)
    assert phone.show()["title"]["text"].startswith(f"{python_answer(TEXT)[0]}, ")


@pytest.mark.parametrize(
    ("text", "name"),
    [("", "error_empty_text"), (" \n\t ", "error_empty_text"), ("good \ud83d", "error_invalid_text")],
)
def test_text_that_cannot_be_answered_gets_a_message(phone, text, name):
    """An empty text and broken characters lead to a message, and the next text to an answer."""
    phone.ask(TEXT)
    phone.show()
    phone.ask(text)
    refused(phone.show(), name)
    phone.ask(TEXT)
    assert phone.show()["answer"]["visible"]


def test_long_text_is_cut_and_the_screen_says_so(phone):
    """Of 100,000 characters the beginning counts; the screen says so, and that no more fit."""
    phone.ask("good " * 20_000)
    shown = phone.show()
    assert texts()["answer_truncated"] in shown["details"]["text"]
    assert shown["text_full"]["visible"]
    longest = open_bundle(fakes.shared_bundle()).manifest.text.max_length
    assert f"Length: {longest} tokens" in shown["details"]["text"]
    phone.type("short")
    assert not phone.show()["text_full"]["visible"]


def test_release_offers_only_what_ships(phone):
    """A release does not offer the baseline, even where somebody put it among the assets."""
    (item,) = phone.show()["model"]["items"]
    assert item.startswith("int8, int8.onnx (")


def test_debug_build_compares_with_the_baseline(classes, root):
    """A debug build offers the float32 baseline, whose answer is Python's for that file."""
    with Phone(classes, root, debuggable=True) as phone:
        phone.start()
        items = phone.show()["model"]["items"]
        assert [item.partition(",")[0] for item in items] == ["int8", "float32"]
        assert items[1].endswith("not for release")
        phone.reply("choose", id="model", place=1)
        phone.ask(TEXT)
        shown = phone.show()
        label, share, _ = python_answer(TEXT, file="baseline/float32.onnx")
        assert shown["title"]["text"].startswith(f"{label}, ")
        assert probability(shown) == pytest.approx(share, abs=0.001)
        phone.reply("turn")
        assert phone.show()["model"]["place"] == 1


def damage(root, name):
    """Return the path of an asset."""
    return root / "assets" / "edgebert" / name


@pytest.mark.parametrize(
    ("break_it", "name", "detail"),
    [
        (lambda root: damage(root, "edgebert.json").unlink(), "error_missing_file", "edgebert.json"),
        (lambda root: damage(root, FILE).unlink(), "error_missing_file", "onnx"),
        (lambda root: damage(root, "vocab.txt").unlink(), "error_missing_file", "vocab.txt"),
        (lambda root: damage(root, "golden.json").unlink(), "error_missing_file", "golden.json"),
        (lambda root: fakes.flip_byte(damage(root, FILE)), "error_damaged_file", FILE),
        (lambda root: damage(root, "vocab.txt").write_bytes(b"[PAD]\n"), "error_damaged_file", "vocab.txt"),
        (lambda root: damage(root, "edgebert.json").write_bytes(b"{"), "error_damaged_file", "edgebert.json"),
        (lambda root: fakes.edit_json(damage(root, "edgebert.json"), schema=99), "error_newer_schema", "99"),
        (lambda root: fakes.edit_json(damage(root, "edgebert.json"), task="poetry"), "error_unknown_task", "poetry"),
        (lambda root: shutil.rmtree(root / "assets"), "error_missing_file", "edgebert.json"),
        (lambda root: (root / "no_backup").write_bytes(b""), "error_no_space", FILE),
    ],
)
def test_broken_installation_is_a_message(classes, root, break_it, name, detail):
    """Missing, damaged or newer assets and a full phone end in a message that says what to do, never in an answer."""
    break_it(root)
    with Phone(classes, root) as phone:
        phone.start()
        assert detail in refused(phone.show(), name)
        phone.ask(TEXT)
        refused(phone.show(), name)


def test_model_that_computes_something_else_gives_no_answers(classes, tmp_path):
    """When the golden texts come out differently, the app says what differs and refuses every text."""
    bundle = fakes.copy_of(fakes.shared_bundle(), tmp_path / "bundle")
    text = (bundle / "golden.json").read_text(encoding="utf-8")
    number = re.search(r'"values": \[\s*(-?[\d.]+)', text)
    (bundle / "golden.json").write_text(
        text[: number.start(1)] + str(float(number[1]) + 50) + text[number.end(1) :], encoding="utf-8"
    )
    fakes.restate(bundle, "golden.json")
    export.apk.build.assets(bundle, tmp_path / "assets", debug=False)
    with Phone(classes, tmp_path) as phone:
        phone.start()
        assert "logits of" in refused(phone.show(), "error_self_test_failed")
        phone.ask(TEXT)
        refused(phone.show(), "error_self_test_failed")


def test_passed_self_test_is_remembered_until_an_update(phone, root):
    """The golden texts are run once for a model, an app and a system; after an update they are run again."""
    phone.show()
    damage(root, "golden.json").unlink()
    phone.reply("leave")
    phone.start()
    assert phone.show()["status"]["text"] == texts()["status_ready"]
    phone.reply("leave")
    phone.reply("update")
    phone.start()
    refused(phone.show(), "error_missing_file")


def test_each_number_of_threads_is_tested(phone, root):
    """A number of threads that was not tested before is, for it may add in another order."""
    phone.show()
    damage(root, "golden.json").unlink()
    phone.reply("choose", id="threads", place=0)
    refused(phone.show(), "error_missing_file")
