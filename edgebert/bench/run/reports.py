"""Report files: read strictly, written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edgebert.bench.report import REPORT_SCHEMA, Report
from edgebert.errors import UsageError
from edgebert.installation import upgrade_line
from edgebert.jsonio import dumps, from_plain, parse
from edgebert.outputs import FileKind, write_output


def read_report(path: Path) -> Report:
    """Return the report in a file.

    Raises:
        UsageError: The file is missing, no report, or of a schema this version cannot read.
    """
    source, again = str(path), "edgebert bench BUNDLE --out REPORT.json makes one"
    try:
        plain = parse(path.read_text(encoding="utf-8"), source=source)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}", hint=again) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 at byte {error.start}", hint=again) from error
    schema = plain.get("schema") if isinstance(plain, dict) else None
    if type(schema) is not int or schema < 1 or "measurements" not in plain:
        raise UsageError(f"{path}: not a report: there are no schema number and measurements", hint=again)
    if schema > REPORT_SCHEMA:
        raise UsageError(
            f"{path}: report schema {schema}; this edgebert reads up to {REPORT_SCHEMA}",
            hint=upgrade_line(),
        )
    report = from_plain(Report, plain, source=source)
    for key, label in _labels(report):
        if label >= len(report.bundle.labels):
            raise UsageError(f"{source}: {key} is {label}, but the bundle has {len(report.bundle.labels)} labels")
    return report


def _labels(report: Report) -> Iterator[tuple[str, int]]:
    """Yield every label index in a report, with its key."""
    for index, label in enumerate(report.texts.labels):
        yield f"texts.labels[{index}]", label
    for device, measurement in enumerate(report.measurements):
        for file, answers in enumerate(measurement.answers):
            for index, label in enumerate(answers.predicted):
                yield f"measurements[{device}].answers[{file}].predicted[{index}]", label


def write_report(report: Report, path: Path) -> None:
    """Write a report, in place of an older one; whatever goes wrong, the file is as it was or complete.

    Equal reports give equal bytes.

    Raises:
        OutputError: It cannot be written there, or the file is something else than a report.
        EnvironmentProblem: The disk is full.
    """
    write_output(path, dumps(report).encode("utf-8", "backslashreplace"), REPORT, force=True)


def _is_report(path: Path) -> bool:
    try:
        plain = parse(path.read_text(encoding="utf-8"), source=str(path))
    except (UsageError, UnicodeDecodeError):
        return False
    return isinstance(plain, dict) and {"schema", "measurements"} <= plain.keys()


REPORT = FileKind(name="a report of edgebert bench", is_one=_is_report)
