"""Streams whose canvas has moved out of the cluster: closed for good, and said to be so.

Such a stream takes no entry any more, on no node, and isn't listed among the canvases. It stays to
be read, so that a move that was broken off can go on, and as a stone where the canvas was.
"""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any, NamedTuple

from server.cluster import streams
from server.cluster.link import Link
from tiles.shared.stream import Bounds, MissingError, StreamError

_KEY = "tilecast-moved"
_TIMEOUT_S = 10.0
_SETTLED_S = 1.0
"""How long a stream has to stand still after it was closed."""
_LOOK_S = 0.1


class Move(NamedTuple):
    """Where a canvas has moved ``to``, ``when`` (a date), and whether it has arrived."""

    to: str
    when: str
    done: bool

    def __str__(self) -> str:
        return f"moved to {self.to} on {self.when}"


async def close(link: Link, canvas: str, epoch: int, to: str) -> Bounds:
    """Close a canvas's stream, which is to be of that epoch; what it holds for good.

    Raises :class:`MissingError`, :class:`StreamError`.
    """
    config = await streams.config_of(link, canvas)
    metadata = config.get("metadata") or {}
    if metadata.get(streams.EPOCH_KEY) != str(epoch):
        raise StreamError("the stream is another one than it was")
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    await streams.set_up(
        link,
        canvas,
        {
            **config,
            # Nobody publishes there; without a subject it would get its own name as one.
            "subjects": [_subject(canvas, str(epoch))],
            "sealed": True,
            "metadata": {**metadata, _KEY: _encode(Move(to, when, done=False))},
        },
    )
    return await _settled(link, canvas)


async def note(link: Link, canvas: str, to: str, *, done: bool) -> None:
    """Say anew where the canvas of a closed stream has moved. Raises :class:`StreamError`."""
    config = await streams.config_of(link, canvas)
    move = _decode(config)
    if move is None:
        raise StreamError("the stream isn't closed")
    text = _encode(Move(to, move.when, done=done))
    await streams.set_up(link, canvas, {**config, "metadata": {**config["metadata"], _KEY: text}})


async def find(link: Link, canvas: str) -> Move | None:
    """Where a canvas has moved; None where it hasn't, or never was. Raises :class:`StreamError`."""
    try:
        return _decode(await streams.config_of(link, canvas))
    except MissingError:
        return None


async def canvases(link: Link) -> list[str]:
    """The canvases that have moved, by name. Raises :class:`StreamError`."""
    names: list[str] = []
    while True:
        question = {"offset": len(names), "subject": _subject("*", "*")}
        answer = await streams.ask(link, "STREAM.NAMES", question)
        page = answer.get("streams") or []
        names += page
        if not page or len(names) >= answer["total"]:
            return sorted(name.removeprefix(streams.STREAM_PREFIX) for name in names)


async def _settled(link: Link, canvas: str) -> Bounds:
    """What a closed stream holds once all that was under way has come, on all its servers."""
    loop = asyncio.get_running_loop()
    bounds = (await streams.state(link, canvas)).bounds
    since = began = loop.time()
    while loop.time() - since < _SETTLED_S:
        if loop.time() - began > _TIMEOUT_S:
            raise StreamError("the stream is closed, and goes on growing")
        await asyncio.sleep(_LOOK_S)
        now = (await streams.state(link, canvas)).bounds
        if now != bounds:
            bounds, since = now, loop.time()
    return bounds


def _subject(canvas: str, epoch: str) -> str:
    return f"tilecast.{canvas}.moved.{epoch}"


def _encode(move: Move) -> str:
    return json.dumps(move._asdict())


def _decode(config: dict[str, Any]) -> Move | None:
    text = (config.get("metadata") or {}).get(_KEY)
    try:
        return None if text is None else Move(**json.loads(text))
    except (ValueError, TypeError):
        return Move("somewhere", "an unknown day", done=False)
