"""Connections that break the protocol: each is closed with the code that is due, nobody else is."""

import random
from typing import TYPE_CHECKING

from protocol.codec import encode
from protocol.errors import CloseCode
from protocol.messages import NEW_SESSION, VERSION, Hello, Pixel, PresenceSet, Viewport
from tests.simulation.link import ABNORMAL, Link, Profile

if TYPE_CHECKING:
    from tests.simulation.world import World

_HELLO = encode(Hello(VERSION, NEW_SESSION, ""))
_LOOK = encode(Viewport(0, 0, 0, 99, 99))
_PAINT = encode(Pixel(1, 1, 1, 1, 1))
_MALFORMED: tuple[tuple[bytes, ...], ...] = (
    (b"",),
    (_PAINT,),
    (_LOOK,),
    (_HELLO, _HELLO),
    (_HELLO + _LOOK + b"\x06",),
    (_HELLO, _LOOK, _PAINT[:-1]),
    (_HELLO, _LOOK, b"\x13" + bytes(19)),
    (_HELLO, encode(Viewport(0, 50, 0, 49, 9))),
    (_HELLO, _LOOK, encode(Viewport(9, 0, 0, 9, 9))),
    (_HELLO, _LOOK, encode(Viewport(0, 60_000, 60_000, 60_001, 60_001))),
    (_HELLO, encode(PresenceSet(0, 0, 0, "ab")).replace(b"ab", b"\xc3(")),
)
_OTHERS: tuple[tuple[tuple[bytes, ...], CloseCode], ...] = (
    ((), CloseCode.TOO_SLOW),
    ((encode(Hello(VERSION + 1, NEW_SESSION, "")),), CloseCode.BAD_VERSION),
    ((encode(Hello(VERSION, NEW_SESSION, "let me in")),), CloseCode.BAD_TOKEN),
)
_PATIENCE_S = 8.0
"""More than the time for HELLO and a sweep."""
_FROZEN_S = 30.0
"""More than a server is ever frozen."""
_ACCIDENTS = {ABNORMAL, CloseCode.RESTARTING, CloseCode.TRY_LATER}
"""The server went down first."""


class Stranger:
    """One such connection."""

    def __init__(self, world: "World", rng: random.Random) -> None:
        self._world = world
        offences = [(frames, CloseCode.MALFORMED) for frames in _MALFORMED]
        self._frames, self._due = rng.choice([*offences, *_OTHERS])
        self._code: int | None = None
        self._link = Link(world.time, rng, Profile(0.01, float("inf"), 0, healthy=False), self)

    def connect(self) -> None:
        """Do it, if the server is up."""
        if self._world.accept(self._link):
            for frame in self._frames:
                self._link.send(frame)
            patience_s = _PATIENCE_S + (_FROZEN_S if self._world.plan.freezes else 0)
            self._world.time.after(patience_s, self._judge)

    def received(self, link: Link, frame: bytes) -> None:
        """See :class:`tests.simulation.link.ClientEnd`."""

    def ended(self, link: Link, code: int) -> None:
        """See :class:`tests.simulation.link.ClientEnd`."""
        self._code = code

    def _judge(self) -> None:
        if self._code != self._due and self._code not in _ACCIDENTS:
            text = f"closed with {self._code} after {self._frames!r}"
            self._world.verdict.fail(f"SES-{1 + (self._due != CloseCode.MALFORMED)}", text)
