"""A stream that is closed takes nothing more, on one server or three, and is no canvas any more."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from server.cluster import moved, streams
from server.cluster.link import Link, LinkOptions
from server.cluster.moved import Move
from tests.nats_rig import NatsTrio, create_stream, one_server
from tests.stream_rigs import WAIT_S, wait_until
from tiles.shared.stream import MissingError, StreamError

EPOCH = 815
SUBJECT = streams.log_subject("main", EPOCH)


@pytest.fixture
async def link(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Link]:
    """A link to so many servers, all of which keep the stream."""
    with ExitStack() as stack:
        urls: tuple[str, ...]
        if request.param == 1:
            urls = (stack.enter_context(one_server(tmp_path)).url,)
        else:
            urls = stack.enter_context(NatsTrio(tmp_path)).urls
        async with Link(LinkOptions(urls)) as link:
            await link.wait_up(WAIT_S)
            await create_stream(link, "main", EPOCH, request.param)
            yield link


async def publish(link: Link, number: int) -> int | None:
    """The place that an entry was given; None where it was refused, or nobody answered."""
    try:
        answer = json.loads((await link.request(SUBJECT, b"entry %d" % number, 1.0)).data)
        streams.check(answer)
    except StreamError:
        return None
    return int(answer["seq"])


@pytest.mark.parametrize("link", [1, 3], indirect=True)
async def test_nothing_comes_after_it_is_closed(link: Link) -> None:
    """CLU-37: all that was answered for before is held, and what is held then is all there is."""
    places: list[int] = []
    refused: list[int] = []
    stop = False

    async def paint(number: int) -> None:
        while not stop:
            place = await publish(link, number)
            (refused if place is None else places).append(place or 0)
            await asyncio.sleep(0)

    painting = [asyncio.create_task(paint(number)) for number in range(8)]
    await wait_until(lambda: len(places) > 100)
    bounds = await moved.close(link, "main", EPOCH, "elsewhere")
    seen = len(refused)
    await wait_until(lambda: len(refused) > seen + 8)
    stop = True
    await asyncio.gather(*painting)
    assert (await streams.state(link, "main")).bounds == bounds
    assert sorted(places) == sorted(set(places))
    assert set(places) <= set(range(1, bounds.last + 1))
    entries = await streams.read(link, "main", bounds.last - 10, 100)
    assert [entry.place for entry in entries] == list(range(bounds.last - 9, bounds.last + 1))
    with pytest.raises(StreamError, match="sealed"):
        await streams.trim(link, "main", EPOCH, 5)


@pytest.mark.parametrize("link", [1], indirect=True)
async def test_where_it_has_moved(link: Link) -> None:
    """CLU-37: it is listed among those that moved, and says where to."""
    assert await moved.find(link, "nothing") is None
    assert await moved.find(link, "main") is None
    assert await moved.canvases(link) == []
    with pytest.raises(StreamError, match="another one"):
        await moved.close(link, "main", EPOCH + 1, "elsewhere")
    with pytest.raises(MissingError):
        await moved.close(link, "nothing", EPOCH, "elsewhere")
    with pytest.raises(StreamError, match="isn't closed"):
        await moved.note(link, "main", "elsewhere", done=True)
    assert await streams.canvases(link) == ["main"]
    await moved.close(link, "main", EPOCH, "elsewhere")
    assert await streams.canvases(link) == []
    assert await moved.canvases(link) == ["main"]
    first = await moved.find(link, "main")
    assert first is not None
    assert first == Move("elsewhere", first.when, done=False)
    await moved.note(link, "main", "home", done=True)
    assert await moved.find(link, "main") == Move("home", first.when, done=True)
    await streams.delete(link, "main")
    assert await moved.canvases(link) == []
