"""One connection that says what the grammar says over a real socket, and hears the answers."""

import asyncio
import random
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from protocol.codec import decode
from protocol.messages import Ack, Clock, Message, Notice, Reject, Welcome
from protocol.types import Sender
from tests.faults.wire import Wire, masked
from tests.oracle.conversation import Conversation
from tests.raw_socket import BINARY, CLOSE, PING, PONG, RawSocket

M = TypeVar("M", bound=Message)

_NORMAL, _LOST = 1000, 1006
_OFFENCES = 0.01
"""How many frames are followed by one that breaks WebSocket itself."""


class Talk:
    """A conversation over ``raw``, which is upgraded; ``due`` is what it must be answered."""

    def __init__(self, raw: RawSocket, rng: random.Random, due: Conversation) -> None:
        self.due = due
        self.frames = 0
        """How many were sent."""
        self.code: int | None = None
        """What the server closed it with."""
        self._raw = raw
        self._rng = rng
        self._wire = Wire(rng)
        self._heard: list[Message] = []

    async def hold(self, frames: Iterable[bytes]) -> None:
        """Say it all, or until it must be closed. Raises AssertionError, TimeoutError."""
        code = await self._say(frames)
        if code is None:
            await self._hear_until(self._answered)
            assert self.code is None, f"closed with {self.code}"
            self._judge()
            await self._close(_NORMAL)
        await self._hear_until(lambda: False)
        assert self.code == (code or _NORMAL), f"closed with {self.code}, not {code}"
        if code is not None:
            with suppress(ConnectionError):  # where it broke WebSocket itself it is hung up already
                await self._close(code)
        await self._raw.ended()

    @property
    def session(self) -> bytes | None:
        """Its id, if it was welcomed."""
        welcomes = self._all(Welcome)
        return welcomes[0].session if welcomes else None

    async def _say(self, frames: Iterable[bytes]) -> int | None:
        """The code that is due, ``None`` if it may go on."""
        for frame in frames:
            refused = len(self.due.rejects)
            self.due.hear(frame)
            if self.due.close is not None:
                # What came before is answered first: then it has to be.
                await self._hear_until(partial(self._refused, refused))
            await self._send(self._wire.message(frame))
            self.frames += 1
            if self.due.close is not None:
                return self.due.close
            if self._rng.random() < _OFFENCES:
                offence, code = self._wire.offence()
                await self._send(offence)
                self.frames += 1
                return code
        return None

    async def _close(self, code: int) -> None:
        await self._raw.send(masked(CLOSE, code.to_bytes(2, "big"), self._rng.randbytes(4)))

    async def _send(self, data: bytes) -> None:
        """Now and then in two pieces, so that the server reads it so."""
        if len(data) > 1 and self._rng.random() < 0.1:
            at = self._rng.randrange(1, len(data))
            await self._raw.send(data[:at])
            await asyncio.sleep(0)
            data = data[at:]
        await self._raw.send(data)

    async def _hear_until(self, done: Callable[[], bool]) -> None:
        """Read on until ``done``, or to the end."""
        while self.code is None and not done():
            got = await self._raw.read_frame()
            if got is None:
                self.code = _LOST
                return
            opcode, payload = got
            if opcode == BINARY:
                self._heard += decode(payload, Sender.SERVER)
            elif opcode == CLOSE:
                self.code = int.from_bytes(payload[:2], "big")
            else:
                assert opcode in {PING, PONG}, opcode

    def _all(self, kind: type[M]) -> list[M]:
        return [message for message in self._heard if isinstance(message, kind)]

    def _refused(self, messages: int) -> bool:
        return len(self._all(Reject)) >= messages

    def _answered(self) -> bool:
        """Whether all that is due has come."""
        due, acks, clocks = self.due, self._all(Ack), self._all(Clock)
        durable = acks[-1].durable if acks else due.welcomed_with
        view = clocks[-1].view if clocks else 0
        return (
            len(self._all(Welcome)) >= due.greeted
            and self._refused(len(due.rejects))
            and self._notices() >= due.told
            and durable >= due.handled
            and view >= due.view
        )

    def _judge(self) -> None:
        due, acks, clocks = self.due, self._all(Ack), self._all(Clock)
        rejects = [(each.n, each.code) for each in self._all(Reject)]
        assert rejects == due.rejects, f"{rejects} of {self._all(Welcome)}"
        assert self._notices() <= due.too_large, f"{self._all(Notice)}"
        welcomed_with = [welcome.handled for welcome in self._all(Welcome)]
        assert welcomed_with == [due.welcomed_with] * due.greeted, f"{welcomed_with}"
        assert all(ack.handled <= due.handled for ack in acks), f"{acks[-1]}"
        assert all(clock.view <= due.view for clock in clocks), f"{clocks[-1]}"

    def _notices(self) -> int:
        return sum(notice.level > 0 for notice in self._all(Notice))
