"""Another language's program that is asked line by line: JSON goes in, JSON comes out."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from edgebert.manifest import AddedToken


class Refused(Exception):
    """The error that a call ended with: its kind, as the program names it, and its message."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message

    @property
    def plain_kind(self) -> str:
        """The kind as every language's errors have it, as in ``damaged_file``."""
        return self.kind.lower().replace("-", "_")


class Peer:
    """A running program that answers calls; a context manager.

    Args:
        argv: The program and its arguments.
        environment: Its environment; ``None`` is that of this process.
    """

    def __init__(self, argv: Sequence[str], *, environment: Mapping[str, str] | None = None) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True, encoding="utf-8", env=environment)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise

    def reply(self, call: str, /, **arguments: Any) -> Any:
        """Return the line that answers a call."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"call": call, **arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the program died in {call}: its last words are on standard error"
        return json.loads(line)

    def call(self, call: str, /, **arguments: Any) -> Any:
        """Return the result of a call.

        Raises:
            Refused: It ended with an error.
        """
        reply = self.reply(call, **arguments)
        if "kind" in reply:
            raise Refused(reply["kind"], reply["message"])
        return reply["result"]

    def load_vocabulary(self, path: Path, *, lower_case: bool, added: Sequence[AddedToken] = (), **more: str) -> None:
        """Make a tokenizer of a vocab.txt and added tokens, for the calls that follow."""
        ids = {token: index for index, token in enumerate(path.read_text(encoding="utf-8").split("\n"))}
        text: dict[str, Any] = {"lower_case": lower_case, "max_length": 512, "lengths": []}
        text |= {f"{name}_id": ids[f"[{name.upper()}]"] for name in ("pad", "cls", "sep", "unk")}
        text |= {"added_tokens": [dataclasses.asdict(token) for token in added]}
        self.call("tokenizer", vocab=str(path), text=text, **more)
