"""Starts the peers: their programs, their packages, and where they listen."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from types import MappingProxyType

from scripts.viewer_build import find_node

_HERE = Path(__file__).resolve().parent
_ROOT = _HERE.parent.parent
_HOST = "127.0.0.1"
_START_S = 20.0
_STOP_S = 5.0
_POLL_S = 0.02
_NATS_CONFIGURATION = """\
host: "127.0.0.1"
port: -1
websocket {{
  host: "127.0.0.1"
  port: {port}
  no_tls: true
  compression: false
}}
"""


class PeerMissing(RuntimeError):
    """A peer can't run on this machine; the message says what it lacks, such as "no node"."""


class PeerFailed(RuntimeError):
    """A peer that should run here didn't start; the message holds what it wrote."""


@dataclass(frozen=True, slots=True)
class Floor:
    """What the floor writes to every connection, as means; see ``floor.c``.

    ``bytes_per_write`` counts the frame header; ``pixels_per_write`` are the pixels among them.
    """

    bytes_per_write: float
    pixels_per_write: float
    writes_per_second: float


@dataclass(frozen=True, slots=True)
class Running:
    """A peer that accepts connections on ``port`` of the loopback. It has no child processes."""

    kind: str
    process: subprocess.Popen[bytes]
    port: int

    def stop(self) -> None:
        """End it, by force if it doesn't go by itself."""
        self.process.terminate()
        try:
            self.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start(
    kind: str, folder: Path, *, floor: Floor | None = None, cpus: Collection[int] | None = None
) -> Running:
    """Start the peer ``kind`` of :data:`KINDS`, and wait until it accepts connections.

    ``folder`` is a temporary one of the caller's, for configuration, log and compiled program.
    ``floor`` is what the peer of that name writes. ``cpus`` are the processors that all of its
    threads are bound to. Raises :class:`PeerMissing` and :class:`PeerFailed`.
    """
    port = _free_port()
    if kind == "floor":
        if floor is None:
            raise ValueError("the floor has to be told what to write")
        command = _floor(folder, port, floor)
    else:
        command = _COMMANDS[kind](folder, port)
    log = folder / f"{kind}.log"
    with log.open("wb") as output, _bound_to(cpus):
        process = subprocess.Popen(
            command, cwd=_ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    running = Running(kind, process, port)
    try:
        _wait(running, log)
    except BaseException:
        running.stop()
        raise
    return running


def _fastapi(_folder: Path, port: int) -> Sequence[str]:
    return [sys.executable, "-m", "benchmarks.peers.fastapi_broadcast", str(port)]


def _node(script: str) -> Callable[[Path, int], Sequence[str]]:
    def command(_folder: Path, port: int) -> Sequence[str]:
        node = find_node()
        if node is None:
            raise PeerMissing("no node (20.19, 22.12 or newer, with npm)")
        _install(node.executable, node.npm)
        return [str(node.executable), str(_HERE / script), str(port)]

    return command


def _nats(folder: Path, port: int) -> Sequence[str]:
    # The wheel puts the server's own executable beside Python's; no wrapper runs around it.
    beside = Path(sysconfig.get_path("scripts")) / "nats-server"
    program = str(beside) if beside.is_file() else shutil.which("nats-server")
    if program is None:
        raise PeerMissing("no nats-server (Tilecast's package brings one where there is a wheel)")
    configuration = folder / "nats.conf"
    configuration.write_text(_NATS_CONFIGURATION.format(port=port), encoding="utf-8")
    return [program, "-c", str(configuration)]


def _floor(folder: Path, port: int, floor: Floor) -> Sequence[str]:
    compiler = shutil.which("cc")
    if compiler is None:
        raise PeerMissing("no cc")
    program = folder / "floor"
    if not program.is_file():
        compiled = subprocess.run(
            [compiler, "-O2", "-o", program, _HERE / "floor.c", "-lm"],
            capture_output=True,
            check=False,
            text=True,
        )
        if compiled.returncode != 0:
            raise PeerFailed(f"floor.c doesn't compile here:\n{compiled.stderr}")
    means = (floor.bytes_per_write, floor.pixels_per_write, floor.writes_per_second)
    return [str(program), str(port), *(f"{mean:.6f}" for mean in means)]


_COMMANDS: Mapping[str, Callable[[Path, int], Sequence[str]]] = MappingProxyType(
    {
        "fastapi": _fastapi,
        "ws-each": _node("ws_each.mjs"),
        "ws-batched": _node("ws_batched.mjs"),
        "socketio": _node("socketio_rooms.mjs"),
        "nats": _nats,
    }
)
KINDS = (*_COMMANDS, "floor")
"""All peers, in the order in which issue and report list them."""


def _install(node: Path, npm: Sequence[str]) -> None:
    """``npm ci``, unless what the lock names is installed already. Needs the network once."""
    lock = (_HERE / "package-lock.json").read_bytes()
    wanted = hashlib.sha256(lock).hexdigest()
    stamp = _HERE / "node_modules" / ".installed"
    if stamp.is_file() and stamp.read_text(encoding="ascii") == wanted:
        return
    path = f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    # The native add-ons come built; where they don't fit, `ws` does without.
    done = subprocess.run(
        [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=_HERE,
        env={**os.environ, "PATH": path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )
    if done.returncode != 0:
        raise PeerMissing(f"`npm ci` failed: {done.stderr.decode(errors='replace').strip()}")
    stamp.write_text(wanted, encoding="ascii")


@contextmanager
def _bound_to(cpus: Collection[int] | None) -> Iterator[None]:
    """Within it, what this thread starts runs on these processors alone, from its first thread on.

    Binding a process later would leave the threads that it has by then where they are, and a Go or
    Node runtime would have counted every processor as its own.
    """
    if cpus is None:
        yield
        return
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, own)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(running: Running, log: Path) -> None:
    """Until it accepts connections. Raises :class:`PeerFailed`."""
    ends = monotonic() + _START_S
    while running.process.poll() is None and monotonic() < ends:
        with suppress(ConnectionRefusedError), socket.create_connection((_HOST, running.port)):
            return
        sleep(_POLL_S)
    said = log.read_text(encoding="utf-8", errors="replace")[-4000:]
    raise PeerFailed(f"{running.kind} doesn't accept connections:\n{said}")
