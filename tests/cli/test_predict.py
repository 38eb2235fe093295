"""Answers to texts from the command line, a file or a pipe: for people, as JSON, as JSONL."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import transformers

from edgebert.prediction import predict
from tests.support import fakes

BUNDLE = fakes.shared_bundle
FIELDS = ["text", "label", "probability", "probabilities", "tokens", "truncated"]


def feed(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Put bytes on standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), encoding="utf-8"))


def objects(lines: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines.removesuffix("\n").split("\n")]


def test_predict_answers_the_texts_it_is_given(cli):
    """A line for each: label, probability, text."""
    outcome = cli("predict", BUNDLE(), *fakes.TEXTS[:3])
    assert outcome.code == 0
    expected = predict(BUNDLE(), fakes.TEXTS[:3])
    assert [line.split(maxsplit=2) for line in outcome.out.splitlines()] == [
        [answer.label, f"{answer.probability:.3f}", answer.text] for answer in expected
    ]


@pytest.mark.parametrize("option", ["--json", "--jsonl"])
def test_probabilities_carry_the_names_of_the_labels(cli, option):
    """Objects with all fields; line breaks in texts and all."""
    outcome = cli("predict", BUNDLE(), "two\nlines é 😀", "good", "--runtime", "litert", option)
    answers = outcome.json if option == "--json" else objects(outcome.out)
    expected = predict(BUNDLE(), ["two\nlines é 😀", "good"], runtime="litert")
    for answer, wanted in zip(answers, expected, strict=True):
        assert list(answer) == FIELDS
        assert answer["text"] == wanted.text
        assert answer["probabilities"] == dict(zip(fakes.LABELS, wanted.probabilities, strict=True))
        assert answer["probabilities"][answer["label"]] == answer["probability"] == wanted.probability
        assert (answer["tokens"], answer["truncated"]) == (wanted.tokens, wanted.truncated)


def test_the_most_probable_labels_come_first(cli):
    """--top-k shows that many, or as many as there are."""
    (wanted,) = predict(BUNDLE(), ["bad"])
    order = sorted(zip(fakes.LABELS, wanted.probabilities, strict=True), key=lambda pair: -pair[1])
    for count in (1, 2, 9):
        outcome = cli("predict", BUNDLE(), "bad", "--top-k", count)
        shown = [word for label, share in order[:count] for word in (label, f"{share:.3f}")]
        assert outcome.out.split() == [*shown, "bad"]
        outcome = cli("predict", BUNDLE(), "bad", "--top-k", count, "--json")
        assert list(outcome.json[0]["probabilities"].items()) == order[:count]


@pytest.mark.parametrize("count", [0, -1, "x"])
def test_a_number_of_labels_that_is_none_is_refused_before_the_work(cli, count):
    """Exit 2; the target is not even looked at."""
    outcome = cli("predict", "/no/model/here", "good", "--top-k", count)
    assert outcome.code == 2
    assert "--top-k" in outcome.err


def test_predict_shows_a_text_of_several_lines_on_one(cli):
    """Line breaks and tabs become spaces, so that a line is an answer."""
    assert cli("predict", BUNDLE(), "a\nb\tc").out.rstrip().endswith("a b c")


def test_predict_says_when_it_cut_a_text(cli):
    """A note with the number of such texts and the length; the field in JSON says which."""
    outcome = cli("predict", BUNDLE(), "good " * 50, "bad", "bad " * 50, "--json")
    assert outcome.err == "2 texts were longer than 16 tokens and cut there\n"
    assert [(answer["truncated"], answer["tokens"]) for answer in outcome.json] == [(True, 16), (False, 3), (True, 16)]
    assert cli("predict", BUNDLE(), "good").err == ""


def test_predict_says_that_a_text_has_nothing_to_read(cli):
    """It is answered, so that answers stay in line with texts, but the first is named and all are counted."""
    outcome = cli("predict", BUNDLE(), "good", "", " \t", "\x07", "--json")
    assert outcome.code == 0
    assert outcome.err == (
        "note: text 2 has nothing to read; its label means nothing\n"
        "note: 3 texts have nothing to read; their labels mean nothing\n"
    )
    assert [answer["tokens"] for answer in outcome.json] == [3, 2, 2, 2]


# Standard input --------------------------------------------------------------------------------------------------


def test_predict_reads_a_text_a_line_from_standard_input(cli, monkeypatch):
    """Line feeds end a line, with or without a carriage return; other separators belong to the text."""
    feed(monkeypatch, "\ufeffgood\r\nbad\u2028still bad\n\nlast".encode())
    outcome = cli("predict", BUNDLE(), "--json")
    assert [answer["text"] for answer in outcome.json] == ["good", "bad\u2028still bad", "", "last"]
    assert "text 3 has nothing to read" in outcome.err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "standard input is empty"),
        (b"good\n\xff", "standard input: line 2: not UTF-8: byte 0xff at offset 5"),
        (b"good\nb\0d", "standard input: line 2: a NUL byte at offset 6"),
        (b"good\n" + b"x" * 1_000_001, "standard input: line 2: longer than 1,000,000 bytes"),
    ],
)
def test_predict_refuses_a_standard_input_that_holds_no_texts(cli, monkeypatch, content, message):
    """One line, exit 2; what came before is answered."""
    feed(monkeypatch, content)
    outcome = cli("predict", BUNDLE())
    assert outcome.code == 2
    assert f"error: {message}\n" in outcome.err
    assert len(outcome.out.splitlines()) == content.startswith(b"good")


@pytest.mark.parametrize("option", ["--jsonl", "--top-k=1"])
def test_a_line_is_answered_before_the_next_one_is_written(program, option):
    """A pipe that gives one line and waits gets its answer."""
    with program("predict", BUNDLE(), option) as process:
        for text in ("good", "bad", "not very good"):
            process.stdin.write(f"{text}\n")
            process.stdin.flush()
            assert text in process.stdout.readline()
        process.stdin.close()
        assert process.stdout.read() == ""
        assert process.stderr.read() == ""
    assert process.returncode == 0


def test_a_closed_standard_input_has_no_texts():
    """As a terminal: one line with what to do."""
    done = subprocess.run(
        f'"{sys.executable}" -m edgebert predict "{BUNDLE()}" <&-',
        shell=True, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, "error: no texts")


def test_a_text_may_look_like_an_option_after_two_dashes(cli):
    """edgebert predict bundle -- --help."""
    assert cli("predict", BUNDLE(), "--", "--help").out.endswith("--help\n")


# Files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "good\n\nbad\n"),
        ("a.csv", "text,label\ngood,anything\nbad,\n"),
        ("a.tsv", "sentence\ngood\nbad\n"),
        ("a.jsonl", '{"text": "good"}\n{"text": "bad"}\n'),
    ],
)
def test_predict_reads_the_texts_of_a_file(cli, tmp_path: Path, name, content):
    """Whatever the format; labels that may be there are of no interest unless their row is broken."""
    (tmp_path / name).write_text(content.replace("bad,\n", "bad,x\n"))
    outcome = cli("predict", BUNDLE(), "--eval", tmp_path / name, "--jsonl")
    assert [answer["text"] for answer in objects(outcome.out)] == ["good", "bad"]


def test_a_column_of_a_file_is_chosen(cli, tmp_path: Path):
    """--text-column, as everywhere."""
    (tmp_path / "a.csv").write_text("text,query\nno,good\n")
    outcome = cli("predict", BUNDLE(), "--eval", tmp_path / "a.csv", "--text-column", "query")
    assert outcome.out.split()[-1] == "good"


def test_jsonl_goes_in_and_out(cli, tmp_path: Path):
    """What predict writes it reads again, and gives the same answers; the file holds what --jsonl prints."""
    first, second = tmp_path / "1.jsonl", tmp_path / "2.jsonl"
    source = tmp_path / "a.txt"
    source.write_text("\n".join(fakes.TEXTS), encoding="utf-8")
    outcome = cli("predict", BUNDLE(), "--eval", source, "--out", first)
    assert (outcome.code, outcome.out, outcome.err) == (0, "", f"wrote {first}\n")
    assert cli("predict", BUNDLE(), "--eval", first, "--out", second).code == 0
    assert first.read_bytes() == second.read_bytes()
    assert cli("predict", BUNDLE(), "--eval", first, "--jsonl").out == first.read_text(encoding="utf-8")


def test_jsonl_keeps_every_text(cli, tmp_path: Path):
    """Whatever a text holds it is one line of JSON, and comes back as it was; nothing in it steers a terminal."""
    texts = ["a\u2028b\x85c", "\x1b[31mred", "##[error]x", "::error::x", "\u202eright", 'a "b" \\ c', "\U000e0001 😀"]
    outcome = cli("predict", BUNDLE(), "--jsonl", "--", *texts)
    assert [answer["text"] for answer in objects(outcome.out)] == texts
    assert "\x1b" not in outcome.out
    assert cli("predict", BUNDLE(), "--out", tmp_path / "a.jsonl", "--", *texts).code == 0
    assert (tmp_path / "a.jsonl").read_text(encoding="utf-8") == outcome.out


def test_an_output_is_replaced_by_its_own_kind_only(cli, tmp_path: Path):
    """A file of texts is never replaced, answers with --force; nothing is left of a run that fails."""
    out = tmp_path / "a.jsonl"
    out.write_text('{"text": "good", "label": 1}\n')
    assert cli("predict", BUNDLE(), "good", "--out", out, "--force").code == 2
    assert out.read_text() == '{"text": "good", "label": 1}\n'
    out.unlink()
    assert cli("predict", BUNDLE(), "good", "--out", out).code == 0
    before = out.read_bytes()
    assert cli("predict", BUNDLE(), "bad", "--out", out).code == 2
    assert out.read_bytes() == before
    assert cli("predict", BUNDLE(), "bad", "--out", out, "--force").code == 0
    assert objects(out.read_text())[0]["text"] == "bad"


def test_a_run_that_fails_leaves_no_file(cli, monkeypatch, tmp_path: Path):
    """A text that cannot be read ends the run, and with it the file."""
    feed(monkeypatch, b"good\n\xff\n")
    assert cli("predict", BUNDLE(), "--out", tmp_path / "a.jsonl").code == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["good", "--eval", "a.txt"], "texts and --eval cannot be combined"),
        (["good", "--text-column", "x"], "--text-column requires --eval"),
        (["good", "--json", "--jsonl"], "--json and --jsonl cannot be combined"),
        (["good", "--json", "--out", "x"], "--json and --out cannot be combined"),
        (["good", "--out", "/no/folder/here/x"], "there is no folder"),
        (["--eval", "/no/file/here.txt"], "no such file"),
    ],
)
def test_options_are_checked_before_the_model_is_opened(cli, words, message):
    """What cannot be combined or read is refused although there is no such model either."""
    outcome = cli("predict", "/no/model/here", *words)
    assert outcome.code == 2
    assert message in outcome.err


def test_a_model_of_answers_has_no_top_labels_and_tells_a_question_that_it_cut(cli, tmp_path: Path):
    """--top-k is refused in one line; a question is cut at a third of the longest input."""
    sizes = {"dim": 16, "n_heads": 2, "hidden_dim": 16, "n_layers": 1, "max_position_embeddings": 64}
    config = transformers.DistilBertConfig(vocab_size=len(fakes.VOCABULARY), **sizes)
    transformers.DistilBertForQuestionAnswering(config).save_pretrained(tmp_path)
    fakes.write_tokenizer(tmp_path)
    words = ["--question", "good " * 40, "--context", "bad and good"]
    outcome = cli("predict", tmp_path, *words, "--top-k", 2)
    assert outcome.code == 2
    assert outcome.err == "error: --top-k requires a model that labels texts; this is question-answering\n"
    outcome = cli("predict", tmp_path, *words)
    assert outcome.code == 0
    assert "1 question was longer than 21 tokens and cut there" in outcome.err
