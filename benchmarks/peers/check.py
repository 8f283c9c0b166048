"""Checks that each peer does the job that it is measured at: the right clients get each pixel.

    python -m benchmarks.peers.check [PEER ...]

Two clients look at overlapping views and one looks elsewhere; a fourth only paints. Prints one line
a peer, and ends with 1 if one of them did it wrong; one that can't run here is named and left out.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic

from benchmarks.load.connection import Connection, Totals
from benchmarks.load.dialect import View, pixel_bytes
from benchmarks.load.reactor import Reactor
from benchmarks.peers.dialects import DIALECTS
from benchmarks.peers.start import KINDS, Floor, PeerFailed, PeerMissing, start

_WITHIN_S = 10.0
_BOTH = View(0, 0, 1919, 1079)
_RIGHT = View(640, 0, 2559, 1079)
_APART = View(8192, 8192, 10111, 9271)
_FLOOR = Floor(bytes_per_write=40.5, pixels_per_write=3.25, writes_per_second=100)
_FLOOR_PIXELS = 325


class PeerWrong(AssertionError):
    """A peer runs, and does something else than its job."""


class Ear(Connection):
    """A connection that keeps what was delivered."""

    def __init__(self, reactor: Reactor, port: int, kind: str, view: View | None) -> None:
        self.heard = b""
        super().__init__(reactor, port, DIALECTS[kind](), view, Totals())

    def message(self, opcode: int, data: bytes) -> None:
        """See :meth:`benchmarks.load.connection.Connection.message`."""
        self.heard += data
        super().message(opcode, data)


def check_delivery(kind: str, port: int) -> str:
    """Paint where one, two and none of three clients look; what was found, in a few words.

    Raises :class:`PeerWrong`.
    """
    reactor = Reactor()
    left, right, apart, painter = ears = [
        Ear(reactor, port, kind, view) for view in (_BOTH, _RIGHT, _APART, None)
    ]
    everybody = painter.dialect.broadcasts
    _until(reactor, lambda: all(ear.ready for ear in ears), "be ready")
    places: dict[tuple[int, int], set[Ear]] = {
        (1000, 500): {left, right},
        (639, 1079): {left},
        (640, 1080): {left, right},  # row 1,080 lies in the last tile row of both
        (2500, 3): {right},
        (5000, 5000): set(),
        (8192, 8192): {apart},
        (10111, 9271): {apart},
    }
    wanted = {ear: list[bytes]() for ear in ears}

    def paint(author: Ear, x: int, y: int, rgb: int, viewers: set[Ear]) -> None:
        for ear in ears if everybody else viewers:
            wanted[ear].append(pixel_bytes(x, y, rgb))
        if not author.paint(x, y, rgb):
            raise PeerWrong("it doesn't read what is painted")

    def delivered() -> bool:
        return all(all(pixel in ear.heard for pixel in wanted[ear]) for ear in ears)

    for number, ((x, y), viewers) in enumerate(places.items()):
        paint(left, x, y, 0x010203 + number, viewers)
    _until(reactor, delivered, "deliver every pixel")
    # Whoever only paints is heard too; and what was sent twice or astray would come before this.
    paint(painter, 700, 0, 0xA0B0C0, {left, right})
    paint(painter, 8200, 8200, 0xA1B1C1, {apart})
    _until(reactor, delivered, "deliver what a mere painter paints")
    for ear in ears:
        if ear.pixels != len(wanted[ear]):
            raise PeerWrong(f"{ear.pixels} pixels came where {len(wanted[ear])} are due")
        ear.close()
    audience = "everybody" if everybody else "those who look there"
    return f"{len(places) + 2} pixels delivered to {audience}, once each"


def check_floor(port: int) -> str:
    """Whether it writes as much and as often as it was told. Raises :class:`PeerWrong`."""
    reactor = Reactor()
    ears = [Ear(reactor, port, "floor", None) for _ in range(3)]
    began = monotonic()
    _until(reactor, lambda: all(ear.pixels >= _FLOOR_PIXELS for ear in ears), "write on")
    took = monotonic() - began
    for ear in ears:
        payload_per_pixel = len(ear.heard) / ear.pixels
        due = (_FLOOR.bytes_per_write - 2) / _FLOOR.pixels_per_write
        if abs(payload_per_pixel / due - 1) > 0.02:  # noqa: PLR2004  two in a hundred
            raise PeerWrong(f"{payload_per_pixel:.2f} bytes a pixel instead of {due:.2f}")
        ear.close()
    rate = _FLOOR.pixels_per_write * _FLOOR.writes_per_second
    if took < _FLOOR_PIXELS / rate * 0.9:
        raise PeerWrong("it writes more often than it was told")
    return f"{_FLOOR_PIXELS / took:.0f} pixels a second to each, {rate:.0f} asked for"


def check(kind: str, folder: Path) -> str:
    """Start a peer and check it. Raises what :func:`start` raises, and :class:`PeerWrong`."""
    running = start(kind, folder, floor=_FLOOR, cpus=os.sched_getaffinity(0))
    try:
        return check_floor(running.port) if kind == "floor" else check_delivery(kind, running.port)
    finally:
        running.stop()


def _until(reactor: Reactor, done: Callable[[], bool], what: str) -> None:
    if not reactor.run_until(done, _WITHIN_S):
        raise PeerWrong(f"it didn't {what} within {_WITHIN_S:.0f} s")


def main(arguments: Sequence[str]) -> int:
    """Check the peers named, or all."""
    parser = argparse.ArgumentParser(description="Check what the peers deliver, and to whom.")
    parser.add_argument("peers", nargs="*", metavar="PEER", help=", ".join(KINDS))
    kinds = parser.parse_args(arguments).peers or KINDS
    if unknown := set(kinds) - set(KINDS):
        parser.error(f"no such peer: {', '.join(sorted(unknown))}")
    wrong = 0
    for kind in kinds:
        with tempfile.TemporaryDirectory() as folder:
            try:
                print(f"{kind}: {check(kind, Path(folder))}")
            except PeerMissing as missing:
                print(f"{kind}: not run: {missing}")
            except (PeerFailed, PeerWrong) as error:
                wrong += 1
                print(f"{kind}: WRONG: {error}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
