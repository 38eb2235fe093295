"""Questions on a context with the places of their answers: SQuAD 1 and 2, and JSON lines.

Each answer has its text and the code point that it starts at, which must agree with the context.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from edgebert.datafiles.objects import Object, field, missing, parse, pick, read_objects, typed
from edgebert.datafiles.sources import SQUAD, Budget, Found, Source, Wanted
from edgebert.errors import DataError
from edgebert.examples import Example
from edgebert.printable import shown
from edgebert.records import LONGEST

WHOLE_BYTES = 100_000_000
"""Most bytes of a SQuAD file, unpacked, which is read as a whole: that of SQuAD 2 has 42 million."""

PARTS = 20_000_000
"""Most objects, lists and quotes of a SQuAD file, which decide the memory that it takes: SQuAD 2 has 4 million."""

KEYS = ("question", "context", "answers")
"""Keys of a JSON line when none is named."""

_SHAPE = 'SQuAD is {"data": [{"paragraphs": [{"context": ..., "qas": [{"question": ..., "answers": [...]}]}]}]}'
_PLACES = "answer_start counts the characters of the context from 0"


class _Question(NamedTuple):
    """A question as it is in a file: ``answers`` is ``None`` where the file has none for it; ``line`` counts from 1."""

    question: str
    context: str
    answers: list[tuple[str, int]] | None
    exact: bool
    line: int
    where: str


def read_questions(source: Source, wanted: Wanted) -> Found:
    """Return the questions of a file, each with its context.

    The right answer is the places of the accepted answers, none of them where the question has no answer. In SQuAD's
    format an example's ``line`` is the number of its question.

    Raises:
        DataError: The file is damaged, or an answer is not where the file says.
    """
    budget, skipped, examples = Budget(source.name), 0, list[Example]()
    context = ""
    for item in _squad(source) if source.layout == SQUAD else _lines(source, wanted):
        if wanted.exact and not item.exact:
            skipped += 1
            continue
        # The questions of a paragraph share its context.
        size = len(item.question) + len(item.context) * (item.context is not context)
        budget.take(400 + 2 * size, item.line)
        context = item.context
        gold = None if item.answers is None or not wanted.answers else tuple(chain.from_iterable(_places(item)))
        examples.append(Example(texts=(item.question, context), gold=gold, line=item.line))
    if not examples:
        raise DataError(f"{source.name}: there is no question{' whose answer has a certain place' * (skipped > 0)}")
    note = f"questions left out, because the places of their answers are not certain (offset_exact): {skipped:,}"
    return Found(examples=tuple(examples), notes=(note,) if skipped else ())


def _places(item: _Question) -> Iterable[tuple[int, int]]:
    found = dict[tuple[int, int], None]()
    for text, start in item.answers or ():
        end = start + len(text)
        if start < 0 or item.context[start:end] != text:
            at = item.context.find(text)
            there = f"; there is {shown(item.context[start:end])}" if 0 <= start < len(item.context) else ""
            raise DataError(
                f"{item.where}: the answer {shown(text)} is not at its answer_start {start}{there}",
                hint=f"{_PLACES}; this answer is {'not in it' if at < 0 else f'first at {at}'}",
            )
        found[start, end] = None
    return found


def _squad(source: Source) -> Iterator[_Question]:
    text = "".join(source.lines(longest=WHOLE_BYTES))
    if not text.strip():
        raise DataError(f"{source.name}: the file is empty", hint=_SHAPE)
    if sum(map(text.count, '{["')) > PARTS:
        raise DataError(f"{source.name}: has more than {PARTS:,} objects, lists and quotes", hint="split the file")
    file = typed(parse(text, source.name, lines=True), dict, source.name, hint=f"{_SHAPE}; save rows as .jsonl")
    del text
    number = 0
    for index, article in enumerate(field(file, "data", list, source.name, hint=_SHAPE), 1):
        where = f"{source.name}: article {index}"
        title = typed(article, dict, where, hint=_SHAPE).get("title")
        where += f" ({shown(title)})" if isinstance(title, str) else ""
        for position, paragraph in enumerate(field(article, "paragraphs", list, where, hint=_SHAPE), 1):
            place = f"{where}, paragraph {position}"
            context = field(typed(paragraph, dict, place, hint=_SHAPE), "context", str, place, hint=_SHAPE)
            for count, item in enumerate(field(paragraph, "qas", list, place, hint=_SHAPE), 1):
                number += 1
                at = f"{place}, question {count}"
                name = typed(item, dict, at, hint=_SHAPE).get("id")
                at = f"{place}, question {shown(name)}" if isinstance(name, str) else at
                yield _question(item, KEYS, context, number, at)


def _lines(source: Source, wanted: Wanted) -> Iterator[_Question]:
    options = ("--text-column", "--pair-column", "--label-column")
    given = (wanted.text, wanted.pair, wanted.answer)
    keys, first = tuple(name or usual for name, usual in zip(given, KEYS, strict=True)), True
    for line, value in read_objects(source):
        where = f"{source.name}: line {line}"
        if first and wanted.optional and wanted.answer is None and keys[2] not in value:
            keys = (*keys[:2], "")
        for key, option in zip(keys, options, strict=True):
            if key:
                pick(list(value), (key,), where, "key", option)
        first = False
        yield _question(value, keys, field(value, keys[1], str, where), line, where)
    if first:
        raise DataError(
            f"{source.name}: the file is empty",
            hint='each line is an object as {"question": ..., "context": ..., "answers": ...}',
        )


def _question(value: Object, keys: tuple[str, ...], context: str, line: int, where: str) -> _Question:
    question = field(value, keys[0], str, where)
    if not question.strip():
        raise DataError(f"{where}, key {keys[0]!r}: the question is empty", hint="fill in or delete this question")
    if max(len(question), len(context)) > LONGEST:
        raise DataError(f"{where}: a text is longer than {LONGEST:,} characters", hint="split the context")
    exact = field(value, "offset_exact", bool, where) if "offset_exact" in value else True
    if not keys[2]:
        return _Question(question, context, None, exact, line, where)
    answers = _answers(value, keys[2], where)
    impossible = field(value, "is_impossible", bool, where) if "is_impossible" in value else not answers
    if impossible == bool(answers):
        raise DataError(
            f"{where}: is_impossible is {str(impossible).lower()}, but there {'are' if answers else 'are no'} answers",
            hint="a question without an answer has is_impossible true and no answers",
        )
    return _Question(question, context, answers, exact, line, where)


def _answers(value: Object, key: str, where: str) -> list[tuple[str, int]]:
    """Return the text and the place of each answer, given as a list of objects or, as on the Hub, as lists."""
    if key not in value:
        raise missing([*value], (key,), where, "key", hint="a question without an answer has an empty list")
    given = [] if value[key] is None else value[key]
    where = f"{where}, key {key!r}"
    if isinstance(given, dict):
        texts, starts = field(given, "text", list, where), field(given, "answer_start", list, where)
        if len(texts) != len(starts):
            raise DataError(f"{where}: there are {len(texts)} texts and {len(starts)} places", hint=_PLACES)
        found = [{"text": text, "answer_start": start} for text, start in zip(texts, starts, strict=True)]
    else:
        found = [typed(item, dict, f"{where}[{at}]") for at, item in enumerate(typed(given, list, where))]
    answers = []
    for at, item in enumerate(found):
        place = f"{where}[{at}]"
        text = field(item, "text", str, place)
        if not text.strip():
            raise DataError(f"{place}: the answer is empty", hint="leave the answers out where there is none")
        answers.append((text, field(item, "answer_start", int, place, hint=_PLACES)))
    return answers
