"""Notes and warnings of the library reach the terminal, or the logging of the program that uses it."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from edgebert.cli import output
from edgebert.progress import LOGGER, note, warn


def test_a_program_gets_them_from_the_standard_logger(caplog):
    """Level INFO for a note and WARNING for a warning, from the logger 'edgebert'."""
    with caplog.at_level(logging.INFO, logger="edgebert"):
        note("50 % of it")
        warn("look at it")
    assert [(item.name, item.levelname, item.getMessage()) for item in caplog.records] == [
        ("edgebert", "INFO", "50 % of it"),
        ("edgebert", "WARNING", "look at it"),
    ]


def test_without_any_setting_only_warnings_are_shown():
    """The default of Python's logging: a warning on standard error, a note nowhere, nothing on standard output."""
    code = "from edgebert.progress import note, warn\nnote('a note')\nwarn('a warning')\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "a warning\n")


@pytest.mark.parametrize("verbose", [True, False])
def test_the_command_line_prints_each_once_while_libraries_are_silent(verbose):
    """Disabling every logger spares this one; the same line comes once; afterwards all is as before."""
    code = (
        "import sys\n"
        "from edgebert.cli import output\n"
        "from edgebert.cli.libraries import quiet_libraries\n"
        "from edgebert.progress import note, warn\n"
        f"with quiet_libraries(verbose={verbose}), output.shown_notes():\n"
        "    note('one')\n    warn('two')\n    note('one')\n"
        "note('afterwards')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "note: one\nwarning: two\n")


def test_the_logger_is_left_as_it_was(capsys):
    """Handlers, propagation and levels after a command are those before it, also when the command fails."""
    before = (list(LOGGER.handlers), LOGGER.propagate, LOGGER.level, LOGGER.isEnabledFor(logging.INFO))

    def fail() -> None:
        with output.shown_notes():
            note("seen")
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        fail()
    assert capsys.readouterr() == ("", "note: seen\n")
    assert (list(LOGGER.handlers), LOGGER.propagate, LOGGER.level, LOGGER.isEnabledFor(logging.INFO)) == before
