"""One case: a folder with damaged copies of sound files, and the command or reader that gets them."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tests.fuzz import hostile
from tests.fuzz.corpus import Corpus
from tests.fuzz.mutate import change, displace

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is run in a box, and what it may leave.

    Attributes:
        words: Words of the command line.
        reader: Name of a reader that is called in place of the command line.
        stdin: What standard input holds.
        outputs: Path in the working folder -> kind of file or folder, as the oracle knows it.
        state: Paths that a failed command may leave on purpose, to go on from.
        annotates: Whether lines for GitHub are asked for.
        environment: Variables of this case.
    """

    words: Sequence[str] = ()
    reader: str = ""
    stdin: bytes = b""
    outputs: Mapping[str, str] = field(default_factory=dict)
    state: frozenset[str] = frozenset()
    annotates: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


class Box:
    """A folder for one case, with its working folder and its random numbers.

    Args:
        root: The folder, made here.
        corpus: The sound files.
        rng: Decides the damage; ``None`` does none and takes the first of every choice.
    """

    def __init__(self, root: Path, corpus: Corpus, rng: random.Random | None) -> None:
        self.root, self.work, self.corpus, self.rng = root, root / "work", corpus, rng
        for folder in (root, self.work, root / "home", root / "tmp"):
            folder.mkdir(parents=True)

    def take(self, name: str, to: str = "") -> Path:
        """Copy a sound file or folder into the working folder."""
        source, target = self.corpus.path(name), self.work / (to or name)
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, target)
        return target

    def pick(self, *choices: T) -> T:
        """Return one of several values."""
        return choices[0] if self.rng is None else self.rng.choice(choices)

    def chance(self, share: float) -> bool:
        """Return whether something rare is to happen."""
        return self.rng is not None and self.rng.random() < share

    def damage(self, path: Path, *ways: Callable[[bytes, random.Random], bytes]) -> None:
        """Change a file in one of several ways, or put something else into its place."""
        if self.rng is None:
            return
        if self.rng.random() < 0.08:
            # Whoever names a pipe waits for its writer; a folder that holds one is an attack.
            displace(path, self.rng, pipe=path.parent != self.work)
        else:
            change(path, self.rng, self.rng.choice(ways))

    def named(self, path: Path) -> str:
        """Return the path as a word of the command line, sometimes after giving the file an odd name."""
        if self.chance(0.08) and os.path.lexists(path):
            assert self.rng is not None
            odd = path.with_name(hostile.file_name(self.rng) + ("" if path.is_dir() else "".join(path.suffixes)))
            path.rename(odd)
            path = odd
        word = str(path.relative_to(self.work))
        return f"./{word}" if word.startswith(("-", "~")) or ("/" not in word and path.is_dir()) else word
