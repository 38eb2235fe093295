"""`python -m tests.fuzz`: damaged files for every command and every reader, and an oracle that knows no excuse."""

from __future__ import annotations

import argparse
import itertools
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.fuzz.run import UNDAMAGED, Result, fuzzing, keep
from tests.fuzz.suite import TARGETS
from tests.fuzz.targets import Target


def main(arguments: list[str]) -> int:
    """Run the fuzzer and return its exit code: 1 when a case failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, help="decides every case (default: one of the clock's, printed)")
    parser.add_argument("--minutes", type=float, default=10, help="how long to go on (default: %(default)s)")
    parser.add_argument("--cases", type=int, help="how many cases to run, however long that takes")
    parser.add_argument(
        "--only", action="append", metavar="TARGET", help="only this target; repeatable; a prefix with *"
    )
    parser.add_argument(
        "--case", type=int, help="only this case of the target that --only names; -1: the undamaged one"
    )
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="copy the files of failing cases here")
    parser.add_argument("--stop", action="store_true", help="end at the first failing case")
    parser.add_argument("--list", action="store_true", help="list the targets and leave")
    given = parser.parse_args(arguments)
    targets = [item for item in TARGETS if not given.only or any(_matches(item.name, name) for name in given.only)]
    if given.list:
        for target in targets:
            _say(f"{target.name:<24} {'torch' if target.torch else ''}")
        return 0
    if not targets or (given.case is not None and len(targets) != 1):
        parser.error("--only names no target, or --case more than one; --list lists them")
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(2**31)
    _say(f"seed {seed}")
    scratch = Path(tempfile.mkdtemp(prefix="edgebert-fuzz-"))
    try:
        return _run(targets, seed, given, scratch)
    except KeyboardInterrupt:
        return 130
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _matches(name: str, wanted: str) -> bool:
    return name.startswith(wanted[:-1]) if wanted.endswith("*") else name == wanted


def _run(targets: list[Target], seed: int, given: argparse.Namespace, scratch: Path) -> int:
    failed: Counter[str] = Counter()
    codes: Counter[int] = Counter()
    count, start = 0, time.monotonic()
    with fuzzing(scratch, seed) as fuzzer:
        for target, number in _cases(targets, given.case):
            if given.cases is not None and count >= given.cases:
                break
            if given.cases is None and given.case is None and time.monotonic() - start > 60 * given.minutes:
                break
            result = fuzzer.run(target, number)
            count += 1
            codes[result.ending.code] += 1
            if result.faults:
                failed[target.name] += 1
                _show(result, seed)
                if given.keep:
                    keep(result, given.keep, seed)
            elif given.case is not None:
                _show(result, seed)
            if count % 200 == 0:
                _say(f"{count} cases, {failed.total()} failed, {time.monotonic() - start:.0f} s")
            if failed and given.stop:
                break
    _say(f"{count} cases, {failed.total()} failed" + "".join(f"; {name}: {many}" for name, many in failed.items()))
    _say("exit codes: " + ", ".join(f"{code}: {codes[code]}" for code in sorted(codes)))
    return 1 if failed else 0


def _cases(targets: list[Target], case: int | None) -> itertools.chain[tuple[Target, int]]:
    if case is not None:
        return itertools.chain([(targets[0], case)])
    rounds = (
        (target, target.weight * turn + step)
        for turn in itertools.count()
        for target in targets
        for step in range(target.weight)
    )
    return itertools.chain(((target, UNDAMAGED) for target in targets), rounds)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _show(result: Result, seed: int) -> None:
    _say(f"--only {result.target} --seed {seed} --case {result.number}: exit code {result.ending.code}")
    words = result.case.words or [f"reader {result.case.reader}"]
    _say(f"  {' '.join(map(ascii, words))}")
    for fault in result.faults:
        _say(f"  FAULT {ascii(fault)[1:-1]}")
    for line in result.ending.stderr.decode("utf-8", "replace").strip().split("\n")[-3:]:
        _say(f"  | {ascii(line)[1:-1][:240]}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
