"""Fuzzing guided by coverage (atheris, libFuzzer), in a process of its own.

``python -m tests.faults.guided codec|session …`` is that process: libFuzzer ends it, so what it
found out stands in what it printed.
"""

import importlib
import os
import random
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

_ROOT = Path(__file__).resolve().parents[2]
_DONE = re.compile(r"DONE\s+cov: (\d+) .* rss: (\d+)Mb")
_RUNS = re.compile(r"Done (\d+) runs in \d+ second")
_INSTRUMENTED = {"codec": ["protocol"], "session": ["protocol", "server", "tiles"]}
_TARGETS = {
    "codec": ("tests.faults.codec_check", "check_frame"),
    "session": ("tests.faults.session_check", "check_bytes"),
}
_SEEDS = {
    "codec": ("tests.faults.test_fuzz_codec", "GROUND"),
    "session": ("tests.faults.session_check", "GROUND"),
}
_CORPUS = 500
"""Inputs of the grammar that it starts from."""
_INPUT_MAX_BYTES = 1024
_RSS_MAX_MIB = 1024


class Guided(NamedTuple):
    """What a run came to."""

    runs: int
    edges: int
    rss_mib: int


def run_guided(target: str, runs: int, seed: int, folder: Path) -> Guided:
    """So many inputs to a target, on all cores. Raises AssertionError if any of them fails.

    The input that failed is below ``folder`` then.
    """
    assert find_spec("atheris"), "its guided part takes atheris, which `make test-long` installs"
    cores = os.cpu_count() or 1
    with ThreadPoolExecutor(cores) as pool:
        found = pool.map(
            lambda number: _run(target, runs // cores, 1 + seed * cores + number, folder),
            range(cores),
        )
        pieces = list(found)
    return Guided(
        sum(piece.runs for piece in pieces),
        max(piece.edges for piece in pieces),
        max(piece.rss_mib for piece in pieces),
    )


def _run(target: str, runs: int, seed: int, folder: Path) -> Guided:
    corpus = folder / f"corpus-{seed}"
    corpus.mkdir()
    _write_corpus(target, seed, corpus)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.faults.guided", target, str(corpus)),
            *(f"-runs={runs}", f"-seed={seed}", f"-artifact_prefix={folder}/{seed}-"),
            *(f"-max_len={_INPUT_MAX_BYTES}", f"-rss_limit_mb={_RSS_MAX_MIB}", "-timeout=20"),
        ],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    last, counted = _DONE.search(done.stdout), _RUNS.search(done.stdout)
    assert done.returncode == 0, done.stdout[-5000:]
    assert last is not None, done.stdout[-5000:]
    assert counted is not None, done.stdout[-5000:]
    return Guided(int(counted[1]), int(last[1]), int(last[2]))


def _write_corpus(target: str, seed: int, corpus: Path) -> None:
    grammar_of = importlib.import_module("tests.faults.grammar")
    module, name = _SEEDS[target]
    ground = getattr(importlib.import_module(module), name)
    grammar = grammar_of.Grammar(random.Random(seed), ground)
    for number in range(_CORPUS):
        if target == "codec":
            data = grammar.frame()
        else:
            frames = [frame for frame in grammar.conversation() if len(frame) < 256]
            data = b"".join(bytes((len(frame),)) + frame for frame in frames[:8])
        (corpus / f"{number:04}").write_bytes(data[:_INPUT_MAX_BYTES])


def main(arguments: list[str]) -> None:
    """Be the fuzzer; never returns."""
    atheris = importlib.import_module("atheris")  # it is there for the long runs alone

    target, *others = arguments
    with atheris.instrument_imports(include=_INSTRUMENTED[target]):
        module, name = _TARGETS[target]
        check = getattr(importlib.import_module(module), name)

    def one_input(data: bytes) -> None:
        check(data)  # what it returns would mean something to libFuzzer

    atheris.Setup(["guided", *others], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
