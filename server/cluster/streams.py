"""The streams that hold the canvases: made, looked at, trimmed, deleted, read."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from nats.aio.msg import Msg

from server.cluster.connection import MESSAGE_MAX_BYTES
from server.cluster.link import Link
from tiles.shared.stream import Bounds, Delivered, MissingError, StreamError

STREAM_PREFIX = "TILECAST_"
API_TIMEOUT_S = 2.0
CALL_S = 15.0
"""How long a thread waits for any one of these calls; an answer is late before that."""
READ_MAX_BYTES = 8 << 20
"""The most that one :func:`read` asks for."""
EPOCH_KEY = "tilecast-epoch"
_LIFE_KEY = "tilecast-life"
INFO_KEY = "tilecast-info"
NOT_FOUND = 404
EXISTS = 10058
"""JetStream's numbers, of a kind of error and of one: a stream of that name is there, another."""
_1970 = datetime(1970, 1, 1, tzinfo=UTC)


class RefusedError(StreamError):
    """JetStream answered that it doesn't do what was asked."""


class ExistsError(RefusedError):
    """There is a stream of that name already."""


class Life(NamedTuple):
    """The ``number`` counts how often a stream was found to have lost entries.

    From then on clients are told another ``epoch`` of the canvas; before, it is the stream's own.
    """

    number: int
    epoch: int


class Identity(NamedTuple):
    """What tells a stream from another of the same name."""

    created: int
    epoch: int
    canvas_epoch: int


class StreamState(NamedTuple):
    """What the servers say of a stream: ``created`` in µs of Unix time, ``held_bytes`` on disk.

    ``leader`` is empty where one server is all. ``entry_max_bytes`` is what an entry may take, None
    where the stream doesn't say.
    """

    bounds: Bounds
    created: int
    held_bytes: int
    replicas: int
    leader: str
    info: str
    """The canvas's settings as they were when it was made, as JSON."""
    life: Life
    entry_max_bytes: int | None

    @property
    def identity(self) -> Identity:
        """What tells it from another."""
        return Identity(self.created, self.bounds.epoch, self.bounds.canvas_epoch)


def stream_name(canvas: str) -> str:
    """The stream of a canvas."""
    return STREAM_PREFIX + canvas


def log_subject(canvas: str, epoch: int) -> str:
    """What a canvas's entries are published to.

    It names the epoch: what is meant for a stream doesn't end in the one that replaced it.
    """
    return f"tilecast.{canvas}.log.{epoch}"


async def ask(
    link: Link, call: str, question: dict[str, Any] | None = None, timeout_s: float = API_TIMEOUT_S
) -> dict[str, Any]:
    """What JetStream answers. Raises :class:`MissingError`, :class:`StreamError`."""
    data = b"" if question is None else json.dumps(question).encode()
    message = await link.request(f"$JS.API.{call}", data, timeout_s)
    answer: dict[str, Any] = json.loads(message.data)
    check(answer)
    return answer


def check(answer: dict[str, Any]) -> None:
    """Raise the error that an answer of JetStream names, if it does."""
    error = answer.get("error")
    if error is not None:
        text = f"NATS: {error.get('description', error)}"
        if error.get("err_code") == EXISTS:
            raise ExistsError(text)
        raise MissingError(text) if error.get("code") == NOT_FOUND else RefusedError(text)


async def create(
    link: Link,
    canvas: str,
    epoch: int,
    replicas: int,
    *,
    info: str = "",
    max_bytes: int | None = None,
) -> None:
    """Make a canvas's stream. Raises :class:`ExistsError`, :class:`StreamError`.

    ``max_bytes``: the stream refuses what would go beyond; by default nothing but the disk does.
    """
    await ask(
        link,
        f"STREAM.CREATE.{stream_name(canvas)}",
        {
            "name": stream_name(canvas),
            "subjects": [log_subject(canvas, epoch)],
            "storage": "file",
            "retention": "limits",
            "discard": "new",
            "num_replicas": replicas,
            "max_msgs": -1,
            "max_bytes": -1 if max_bytes is None else max_bytes,
            "max_age": 0,
            "max_consumers": -1,
            "max_msg_size": MESSAGE_MAX_BYTES,
            "duplicate_window": 1_000_000_000,  # ns; entries carry no ids to be told apart by
            "deny_delete": True,  # places have no gaps; trimming is a purge up to a place
            "allow_direct": True,
            "metadata": {EPOCH_KEY: str(epoch), INFO_KEY: info},
        },
        timeout_s=5 * API_TIMEOUT_S,
    )


async def prepare(link: Link, stream: str, config: dict[str, Any]) -> None:
    """Make a stream that isn't a canvas's, unless it is there. Raises :class:`StreamError`."""
    for _ in range(2):  # another node may make it at the same time
        try:
            await ask(link, f"STREAM.INFO.{stream}")
        except MissingError:
            with suppress(StreamError):
                await ask(link, f"STREAM.CREATE.{stream}", config, timeout_s=5 * API_TIMEOUT_S)
        else:
            return
    await ask(link, f"STREAM.INFO.{stream}")


async def state(link: Link, canvas: str, timeout_s: float = API_TIMEOUT_S) -> StreamState:
    """What the stream's leader says. Raises :class:`MissingError`, :class:`StreamError`."""
    answer = await ask(link, f"STREAM.INFO.{stream_name(canvas)}", timeout_s=timeout_s)
    config, held = answer["config"], answer["state"]
    metadata = config.get("metadata") or {}
    try:
        epoch = int(metadata[EPOCH_KEY])
        life = Life(*map(int, metadata.get(_LIFE_KEY, f"0 {epoch}").split()))
    except (KeyError, ValueError, TypeError):
        raise StreamError(f"the stream {stream_name(canvas)} isn't Tilecast's") from None
    room: int = config.get("max_msg_size", -1)
    return StreamState(
        Bounds(max(1, held["first_seq"]), held["last_seq"], epoch, life.epoch),
        (_time(answer["created"]) - _1970) // timedelta(microseconds=1),
        held["bytes"],
        config["num_replicas"],
        (answer.get("cluster") or {}).get("leader") or "",
        metadata.get(INFO_KEY, ""),
        life,
        room if room >= 0 else None,
    )


def check_room(canvas: str, state: StreamState) -> None:
    """Raise :class:`StreamError` where a stream takes less than the largest entry."""
    room = state.entry_max_bytes
    if room is not None and room < MESSAGE_MAX_BYTES:
        raise StreamError(
            f"entries may not be stored: the max_msg_size of the stream {stream_name(canvas)} is "
            f"{room} B, and has to be {MESSAGE_MAX_BYTES} at least"
        )


async def config_of(link: Link, canvas: str) -> dict[str, Any]:
    """A canvas's stream as it was set up. Raises :class:`MissingError`, :class:`StreamError`."""
    answer = await ask(link, f"STREAM.INFO.{stream_name(canvas)}")
    config: dict[str, Any] = answer["config"]
    return config


async def set_up(link: Link, canvas: str, config: dict[str, Any]) -> None:
    """Change how a canvas's stream is set up. Raises :class:`StreamError`."""
    await ask(link, f"STREAM.UPDATE.{stream_name(canvas)}", config, timeout_s=5 * API_TIMEOUT_S)


async def begin_life(link: Link, canvas: str, epoch: int, life: Life) -> None:
    """Have clients told another epoch of a canvas, if its stream is still that of ``epoch``.

    Raises :class:`MissingError`, :class:`StreamError`.
    """
    config = await config_of(link, canvas)
    metadata = config.get("metadata") or {}
    if metadata.get(EPOCH_KEY) == str(epoch):
        told = {**metadata, _LIFE_KEY: f"{life.number} {life.epoch}"}
        await set_up(link, canvas, {**config, "metadata": told})


async def canvases(link: Link) -> list[str]:
    """The canvases that have a stream, by name. Raises :class:`StreamError`."""
    names: list[str] = []
    while True:
        answer = await ask(
            link, "STREAM.NAMES", {"offset": len(names), "subject": "tilecast.*.log.*"}
        )
        page = answer.get("streams") or []
        names += page
        if not page or len(names) >= answer["total"]:
            return sorted(
                name.removeprefix(STREAM_PREFIX) for name in names if name.startswith(STREAM_PREFIX)
            )


async def delete(link: Link, canvas: str) -> None:
    """Delete a canvas's stream with all it holds. Raises :class:`StreamError`."""
    await ask(link, f"STREAM.DELETE.{stream_name(canvas)}", timeout_s=5 * API_TIMEOUT_S)


async def trim(link: Link, canvas: str, epoch: int, through: int) -> None:
    """Drop the entries up to ``through``, if the stream is still that of the epoch.

    Raises :class:`StreamError`.
    """
    await ask(
        link,
        f"STREAM.PURGE.{stream_name(canvas)}",
        {"filter": log_subject(canvas, epoch), "seq": through + 1},
        timeout_s=5 * API_TIMEOUT_S,
    )


async def read(
    link: Link, canvas: str, after: int, limit: int, timeout_s: float = API_TIMEOUT_S
) -> Sequence[Delivered]:
    """Up to ``limit`` of the entries past ``after``; none only where the stream holds none.

    Raises :class:`MissingError` where the first of them is trimmed, :class:`StreamError`.
    """
    while True:
        entries = await _read_some(link, canvas, after, limit, timeout_s)
        if entries:
            return entries
        # Nothing there, or nobody to say so: its leader knows.
        bounds = (await state(link, canvas, timeout_s)).bounds
        if bounds.first > after + 1:
            raise MissingError(f"entry {after + 1} is trimmed: the first is {bounds.first}")
        if bounds.last <= after:
            return []
        # A replica that hasn't caught up has answered.
        await asyncio.sleep(0.05)


async def _read_some(
    link: Link, canvas: str, after: int, limit: int, timeout_s: float
) -> list[Delivered]:
    """What one replica says at once; entries may be missing at the end."""
    question = {"seq": after + 1, "batch": limit, "max_bytes": READ_MAX_BYTES}
    entries: list[Delivered] = []
    for message in await get_messages(link, stream_name(canvas), question, timeout_s):
        expected = after + 1 + len(entries)
        if message.place == expected:
            entries.append(Delivered(message.place, message.time_ms, message.data))
        elif entries:
            raise StreamError(f"entry {expected} is not in the stream")
        else:
            raise MissingError(f"entry {expected} is trimmed: the first is {message.place}")
    return entries


class Stored(NamedTuple):
    """A message of any stream: its place, when it was stored (Unix time), and what it holds."""

    place: int
    subject: str
    time_ms: int
    data: bytes


async def get_messages(
    link: Link, stream: str, question: dict[str, Any], timeout_s: float = API_TIMEOUT_S
) -> list[Stored]:
    """The messages that a batch of direct gets answers with; any replica may have answered.

    None also where there is no such stream. Raises :class:`StreamError`.
    """
    inbox = link.inbox()
    arrived: asyncio.Queue[Msg | StreamError] = asyncio.Queue()
    subscription = link.subscribe(inbox, arrived.put_nowait)
    watch = link.watch(lambda error: arrived.put_nowait(error) if error else None)
    found: list[Stored] = []
    try:
        if not link.publish(f"$JS.API.DIRECT.GET.{stream}", json.dumps(question).encode(), inbox):
            raise StreamError("NATS can't be reached")
        while True:
            async with asyncio.timeout(timeout_s):
                message = await arrived.get()
            if isinstance(message, StreamError):
                raise message
            headers = message.headers or {}
            if "Nats-Sequence" not in headers:
                break
            time_ms = (_time(headers["Nats-Time-Stamp"]) - _1970) // timedelta(milliseconds=1)
            place = int(headers["Nats-Sequence"])
            found.append(Stored(place, headers["Nats-Subject"], time_ms, message.data))
    except TimeoutError:
        raise StreamError(f"NATS gave no messages within {timeout_s} s") from None
    finally:
        subscription.cancel()
        watch.cancel()
    # All that was asked for; nothing there; no server, as where there is no such stream.
    if headers.get("Status") not in {"204", "404", "503"}:
        raise StreamError(f"NATS: {headers.get('Status')} {headers.get('Description', '')}")
    return found


def _time(text: str) -> datetime:
    """What JetStream writes as a time, to a µs."""
    return datetime.fromisoformat(text)
