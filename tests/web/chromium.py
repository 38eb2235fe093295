"""A real headless Chromium, asked by the DevTools protocol over a pipe: no port, no package."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import Any, Self

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",  # a container's root has no other way
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
)
PATIENCE_S = 60


class PageTimeout(Exception):
    """Chromium did not answer in time, or a page did not become what was waited for."""


def chromium() -> str:
    """Return the Chromium to run, or skip the test where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("there is no Chromium (Debian: chromium)")
    return found


class Chromium:
    """A browser with a profile of its own; a context manager."""

    def __init__(self) -> None:
        program = chromium()
        self._profile = tempfile.TemporaryDirectory(prefix="edgebert-chromium-", ignore_cleanup_errors=True)
        theirs, self._out = os.pipe()
        self._in, answers = os.pipe()
        arguments = [program, *FLAGS, f"--user-data-dir={self._profile.name}", "about:blank"]
        with Path(os.devnull).open("r+b") as nothing:
            actions = [
                # By way of numbers that neither pipe has: one of them may be 3 or 4 itself.
                (os.POSIX_SPAWN_DUP2, theirs, 103),
                (os.POSIX_SPAWN_DUP2, answers, 104),
                (os.POSIX_SPAWN_DUP2, 103, 3),
                (os.POSIX_SPAWN_DUP2, 104, 4),
                *((os.POSIX_SPAWN_DUP2, nothing.fileno(), number) for number in (1, 2)),
            ]
            # The whole group is ended later: the program is a script in Debian, and the browser has many processes.
            self._pid = os.posix_spawn(program, arguments, os.environ, file_actions=actions, setpgroup=0)
        os.close(theirs)
        os.close(answers)
        self._unread = b""
        self._count = 0
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._in)
        os.close(self._out)
        self._profile.cleanup()

    def call(self, method: str, /, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Return the result of a method of the DevTools protocol; events that come meanwhile are kept in `events`."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while (reply := self._receive()).get("id") != self._count:
            self.events.append(reply)
        assert "error" not in reply, f"{method}: {reply}"
        return reply["result"]

    def page(self) -> Page:
        """Return a new page."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        return Page(self, self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"], target)

    def _receive(self) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE_S
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self._in], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise PageTimeout(f"Chromium said nothing for {PATIENCE_S} s")
            part = os.read(self._in, 1 << 20)
            assert part, "Chromium ended"
            self._unread += part
        line, _, self._unread = self._unread.partition(b"\0")
        return json.loads(line)


class Page:
    """A page of a browser."""

    def __init__(self, browser: Chromium, session: str, target: str) -> None:
        self.browser = browser
        self.session = session
        self.target = target
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, /, **parameters: Any) -> dict[str, Any]:
        """Return the result of a method of the DevTools protocol."""
        return self.browser.call(method, session=self.session, **parameters)

    def open(self, address: str) -> None:
        """Go to an address and wait until its document is there."""
        self.call("Page.navigate", url=address)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression; a promise is waited for."""
        done = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def wait(self, condition: str, *, seconds: float = PATIENCE_S) -> None:
        """Wait until a JavaScript expression is true."""
        end = time.monotonic() + seconds
        while not self.evaluate(condition):
            if time.monotonic() > end:
                raise PageTimeout(f"not within {seconds} s: {condition}\n{self.evaluate('document.body.innerText')}")
            time.sleep(0.02)

    def text(self, selector: str) -> str:
        """Return the text that a user sees in an element."""
        found = self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText")
        assert isinstance(found, str)
        return found

    def type(self, selector: str, text: str) -> None:
        """Put the cursor into an element, and type a text in place of what is there."""
        self.evaluate(f"(document.querySelector({json.dumps(selector)}).focus(), document.execCommand('selectAll'))")
        self.call("Input.insertText", text=text)

    def press(self, key: str, *, code: int, modifiers: int = 0, text: str = "") -> None:
        """Press a key and let it go."""
        common = {"key": key, "code": key, "windowsVirtualKeyCode": code, "modifiers": modifiers}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def screenshot(self, path: Path, *, width: int, dark: bool = False, scale: float = 1) -> None:
        """Write a picture of the whole page at a width in pixels."""
        scheme = "dark" if dark else "light"
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        height = 400
        for _ in range(2):
            self.call(
                "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False
            )
            height = self.evaluate("document.documentElement.scrollHeight")
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def close(self) -> None:
        """Close the page."""
        self.browser.call("Target.closeTarget", targetId=self.target)
