"""The tokenizer of a checkpoint comes from either of its files and has to fit the embedding table."""

from __future__ import annotations

import pytest
import transformers

from edgebert.checkpoint import load_model
from edgebert.errors import EdgebertError
from edgebert.text import pieces
from edgebert.tokenizer import load_tokenizer
from tests.checkpoint.folders import refusal
from tests.support import fakes


def test_a_missing_tokenizer_is_refused(folder):
    """Neither tokenizer.json nor vocab.txt."""
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").unlink()
    error = refusal(folder)
    assert "no tokenizer" in error.message
    assert "tokenizer.save_pretrained" in error.hint


@pytest.mark.parametrize("lower_case", [True, False])
def test_a_vocabulary_file_alone_gives_the_ids_of_the_tokenizer_file(folder, lower_case):
    """vocab.txt with tokenizer_config.json describes the same tokenizer as tokenizer.json."""
    fakes.write_tokenizer(folder, lower_case=lower_case)
    texts = ["Good BATTERY, naïve café", "[MASK] 42!", "", "价格 x", "a" * 120, "It's NOT the screen..."]
    full = load_tokenizer(folder)
    expected = [full.encode(text).ids for text in texts]
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    (folder / "tokenizer.json").unlink()
    plain = load_tokenizer(folder)
    assert [plain.encode(text).ids for text in texts] == expected
    assert theirs(texts)["input_ids"] == expected
    assert pieces(plain) == fakes.VOCABULARY == pieces(full)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"", b"only\nwords\n"])
def test_a_vocabulary_file_that_is_none_is_refused(folder, content):
    """Other bytes than UTF-8, no tokens, or no special tokens: one line, not a traceback."""
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_bytes(content)
    refusal(folder)


@pytest.mark.parametrize("content", ["[]", "{", '{"do_lower_case": "maybe"}'])
def test_a_damaged_tokenizer_configuration_is_refused(folder, content):
    """A tokenizer_config.json that decides nothing is named, not guessed."""
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").write_text(content, encoding="utf-8")
    with pytest.raises(EdgebertError, match=r"tokenizer_config\.json") as caught:
        load_model(folder)
    assert caught.value.exit_code == 2


def test_a_tokenizer_with_more_tokens_than_rows_is_refused(folder):
    """The model has no vector for the last token: both counts are given."""
    fakes.write_tokenizer(folder, (*fakes.VOCABULARY, "extra"))
    message = refusal(folder).message
    assert f"{len(fakes.VOCABULARY) + 1} tokens" in message
    assert f"only {len(fakes.VOCABULARY)} rows" in message


@pytest.mark.parametrize(
    ("rows", "level"),
    [
        (-(-len(fakes.VOCABULARY) // 64) * 64, "INFO"),  # padded for the kernels' sake
        (len(fakes.VOCABULARY) + 1, "WARNING"),
        (len(fakes.VOCABULARY) + 40, "WARNING"),
        (1000, "WARNING"),
    ],
)
def test_rows_without_a_token_are_told(tmp_path, caplog, rows, level):
    """Any number of rows may be reserved; more than padding explains is a warning, since it can be a mix-up."""
    folder = fakes.tiny_checkpoint(tmp_path / "model", rows=rows)
    with caplog.at_level("INFO", logger="edgebert"):
        assert load_model(folder).checkpoint.architecture.vocabulary == rows
    assert [record.levelname for record in caplog.records] == [level]
    assert f"{rows - len(fakes.VOCABULARY)} of the {rows} rows" in caplog.text
