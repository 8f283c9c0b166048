"""One frame to the decoder: what it makes of it is what the design page says."""

from collections.abc import Iterable
from typing import Any

from protocol.codec import decode, decode_runs
from protocol.errors import CloseCode, ProtocolError
from protocol.messages import Message, PixelRun
from protocol.types import Sender
from tests.oracle.frames import CLIENT, SERVER, MalformedError, parse

_SENDERS = ((Sender.CLIENT, CLIENT), (Sender.SERVER, SERVER))


def check_frame(frame: bytes) -> bool:
    """Hold the decoder to the oracle, whichever side sent the frame; whether a client may.

    Raises AssertionError; anything else that is raised is the decoder's fault too.
    """
    accepted = False
    for sender, name in _SENDERS:
        try:
            expected = parse(frame, name)
        except MalformedError:
            _check_refused(frame, sender)
            continue
        messages = decode(frame, sender)
        assert [_fields(message) for message in messages] == expected, (frame.hex(), sender)
        if sender is Sender.CLIENT:
            accepted = True
            assert _singly(decode_runs(frame, sender)) == messages, frame.hex()
    return accepted


def _check_refused(frame: bytes, sender: Sender) -> None:
    for decoder in (decode, decode_runs):
        code = None
        try:
            decoder(frame, sender)
        except ProtocolError as error:
            code = error.close_code
        assert code is CloseCode.MALFORMED, f"{decoder.__name__}: {code} for {frame.hex()}"


def _fields(message: Message) -> dict[str, Any]:
    names = message.__dataclass_fields__
    return {"type": type(message).__name__} | {name: getattr(message, name) for name in names}


def _singly(messages: Iterable[Message | PixelRun]) -> list[Message]:
    found: list[Message] = []
    for message in messages:
        if isinstance(message, PixelRun):
            found += decode(message.data, Sender.CLIENT)
        else:
            found.append(message)
    return found
