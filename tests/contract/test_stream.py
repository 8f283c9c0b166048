"""What every stream promises, in memory or on JetStream (:mod:`tiles.shared.stream`)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.stream_rigs import EPOCH, MemoryRig, NatsRig, StreamNode, StreamRig
from tiles.shared.stream import Bounds, MissingError, StreamError

UNDER_WAY = 50


@pytest.fixture(params=["memory", "jetstream"])
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[StreamRig]:
    """A new stream of one kind."""
    made = MemoryRig() if request.param == "memory" else NatsRig(tmp_path / "nats")
    yield made
    await made.dispose()


def words(count: int, start: int = 1) -> list[bytes]:
    """Entries that differ."""
    return [b"entry %d" % number for number in range(start, start + count)]


async def publish(rig: StreamRig, node: StreamNode, entries: list[bytes], start: int = 1) -> None:
    """Publish entries, numbered from ``start``, and wait until all are answered."""
    expected = len(node.heard.answers)
    for number, data in enumerate(entries):
        node.stream.publish(start + number, data)
        expected += 1
        if number % UNDER_WAY == UNDER_WAY - 1 or number == len(entries) - 1:
            await rig.until(lambda: len(node.heard.answers) == expected)  # noqa: B023  awaited here


async def test_new_stream_is_empty(rig: StreamRig) -> None:
    """A new stream has its epoch, and no entries."""
    node = await rig.node()
    assert await node.bounds() == Bounds(1, 0, EPOCH, EPOCH)
    assert list(await node.read(0)) == []


async def test_entries_come_in_order_with_places_from_one(rig: StreamRig) -> None:
    """CLU-1: entries are taken and delivered in the order they were published in, places 1, 2, …"""
    node = await rig.node()
    heard = await node.follow()
    entries = [*words(600), b"", bytes(range(256)) * 2000]
    await publish(rig, node, entries)
    await rig.until(lambda: len(heard.entries) == len(entries))
    assert heard.data == entries
    assert heard.places == list(range(1, len(entries) + 1))
    assert sorted(heard.taken) == heard.places
    times = [entry.time_ms for entry in heard.entries]
    assert times == sorted(times)
    assert await node.bounds() == Bounds(1, len(entries), EPOCH, EPOCH)
    assert heard.behind[-1] == 0
    assert heard.is_linked()


async def test_nodes_see_the_same(rig: StreamRig) -> None:
    """CLU-1: every node is delivered the same entries, places and times, and reads the same."""
    one, two = await rig.node(), await rig.node()
    heard_one, heard_two = await one.follow(), await two.follow()
    for number in range(1, 101):
        one.stream.publish(number, b"one %d" % number)
        two.stream.publish(number, b"two %d" % number)
    await rig.until(lambda: len(heard_one.entries) == len(heard_two.entries) == 200)
    assert heard_one.entries == heard_two.entries
    assert list(await one.read(0)) == heard_two.entries
    for name in (b"one", b"two"):
        mine = [data for data in heard_one.data if data.startswith(name)]
        assert mine == [b"%s %d" % (name, number) for number in range(1, 101)]


async def test_following_starts_where_it_is_told(rig: StreamRig) -> None:
    """Entries past the place are delivered, those that were there and those to come."""
    writer = await rig.node()
    await writer.follow()
    await publish(rig, writer, words(700))
    middle, end = await rig.node(), await rig.node()
    heard_middle, heard_end = await middle.follow(5), await end.follow(700)
    await publish(rig, writer, words(3, 701), 701)
    await rig.until(lambda: len(heard_middle.entries) == 698 and len(heard_end.entries) == 3)
    assert heard_middle.data == words(698, 6)
    assert heard_middle.behind[0] > 0
    assert heard_middle.behind == sorted(heard_middle.behind, reverse=True)
    assert heard_end.data == words(3, 701)


async def test_reading(rig: StreamRig) -> None:
    """A read gives up to so many of the entries past a place, and none past the end."""
    node = await rig.node()
    heard = await node.follow()
    await publish(rig, node, words(50))
    await rig.until(lambda: len(heard.entries) == 50)
    assert list(await node.read(0, 10)) == heard.entries[:10]
    assert list(await node.read(45, 10)) == heard.entries[45:]
    assert list(await node.read(50, 10)) == []
    assert list(await node.read(1000, 10)) == []


async def test_hold_and_release(rig: StreamRig) -> None:
    """Nothing is delivered while it is held; then everything, once."""
    writer, reader = await rig.node(), await rig.node()
    await writer.follow()
    heard = await reader.follow()
    await publish(rig, writer, words(2))
    await rig.until(lambda: len(heard.entries) == 2)
    reader.stream.hold()
    await publish(rig, writer, words(1000, 3), 3)
    await publish(rig, reader, [b"mine"])
    assert len(heard.entries) == 2
    assert heard.taken == [1]
    reader.stream.release()
    await rig.until(lambda: len(heard.entries) == 1003)
    assert heard.data == [*words(1002), b"mine"]


async def test_break_and_return(rig: StreamRig) -> None:
    """CLU-2: a node that was cut off is told so, and is delivered all it missed, once, in order."""
    writer, reader = await rig.node(), await rig.node()
    await writer.follow()
    heard = await reader.follow()
    await publish(rig, writer, words(10))
    await rig.until(lambda: len(heard.entries) == 10)
    await reader.cut()
    await rig.until(lambda: not heard.is_linked())
    await publish(rig, writer, words(600, 11), 11)
    assert len(heard.entries) == 10
    await reader.mend()
    await rig.until(lambda: len(heard.entries) == 610)
    assert heard.data == words(610)
    await rig.until(heard.is_linked)
    await publish(rig, reader, [b"here again"])
    assert heard.taken == [1]


async def test_following_begins_while_cut_off(rig: StreamRig) -> None:
    """A node that is cut off when it begins to follow is told, and delivered all later."""
    writer, reader = await rig.node(), await rig.node()
    await writer.follow()
    await publish(rig, writer, words(5))
    await reader.bounds()
    await reader.cut()
    reader.stream.follow(2, reader.heard)
    await rig.until(lambda: not reader.heard.is_linked())
    await reader.mend()
    await rig.until(lambda: len(reader.heard.entries) == 3)
    assert reader.heard.data == words(3, 3)
    await rig.until(reader.heard.is_linked)


async def test_cut_off(rig: StreamRig) -> None:
    """CLU-3: what is published while cut off is answered with an error and never arrives."""
    writer, other = await rig.node(), await rig.node()
    heard = await writer.follow()
    seen = await other.follow()
    await writer.cut()
    await publish(rig, writer, words(3))
    assert heard.refused == [1, 2, 3]
    with pytest.raises(StreamError):
        await writer.read(0)
    with pytest.raises(StreamError):
        await writer.bounds()
    await writer.mend()
    await rig.until(heard.is_linked)
    await publish(rig, writer, words(1, 4), 4)
    await rig.until(lambda: len(seen.entries) == len(heard.entries) == 1)
    assert seen.data == heard.data == words(1, 4)


async def test_entry_that_is_lost(rig: StreamRig) -> None:
    """CLU-3: an entry that is lost on its way is answered with an error, once."""
    node = await rig.node()
    heard = await node.follow()
    await publish(rig, node, words(1))
    await node.lose_entries()
    await publish(rig, node, words(2, 2), 2)
    assert heard.refused == [2, 3]
    await node.mend()
    await rig.until(heard.is_linked)
    await publish(rig, node, words(1, 4), 4)
    await rig.until(lambda: len(heard.entries) == 2)
    assert heard.data == [b"entry 1", b"entry 4"]


async def test_answer_that_is_lost(rig: StreamRig) -> None:
    """CLU-3: an entry whose answer is lost is answered with an error, and delivered once."""
    node, other = await rig.node(), await rig.node()
    heard, seen = await node.follow(), await other.follow()
    await publish(rig, node, words(1))
    await node.lose_answers()
    await publish(rig, node, words(2, 2), 2)
    assert heard.refused == [2, 3]
    await rig.until(lambda: len(seen.entries) == 3)
    await node.mend()
    await rig.until(lambda: len(heard.entries) == 3)
    await publish(rig, node, words(1, 4), 4)
    await rig.until(lambda: len(heard.entries) == 4)
    assert heard.data == words(4)
    assert len(heard.answers) == 4


async def test_trimming_what_was_delivered(rig: StreamRig) -> None:
    """A trim behind a node's place is nothing to it; what is trimmed can't be read."""
    node = await rig.node()
    heard = await node.follow()
    await publish(rig, node, words(10))
    await rig.until(lambda: len(heard.entries) == 10)
    await rig.trim(10)
    assert await node.bounds() == Bounds(11, 10, EPOCH, EPOCH)
    await node.cut()
    await node.mend()
    await publish(rig, node, words(3, 11), 11)
    await rig.until(lambda: len(heard.entries) == 13)
    await rig.trim(11)
    assert await node.bounds() == Bounds(12, 13, EPOCH, EPOCH)
    assert list(await node.read(11)) == heard.entries[11:]
    with pytest.raises(MissingError):
        await node.read(10)
    assert not heard.losses


async def test_trimming_what_was_not_delivered(rig: StreamRig) -> None:
    """CLU-4: a node that others trimmed away from is told that the stream is lost to it."""
    writer, reader = await rig.node(), await rig.node()
    await writer.follow()
    heard = await reader.follow()
    await reader.cut()
    await publish(rig, writer, words(10))
    await rig.trim(4)
    await reader.mend()
    await rig.until(lambda: len(heard.losses) == 1)
    assert not heard.entries
    await publish(rig, writer, words(1, 11), 11)
    assert not heard.entries


@pytest.mark.parametrize("away", [False, True], ids=["there", "away"])
async def test_replaced(rig: StreamRig, away: bool) -> None:
    """CLU-4: a stream put in its place is another: nothing of it is delivered, nothing is taken."""
    node, late = await rig.node(), await rig.node()
    heard = await node.follow()
    await publish(rig, node, words(3))
    await rig.until(lambda: len(heard.entries) == 3)
    if away:
        await node.cut()
    await rig.replace()
    node.stream.publish(4, b"for the stream that was")
    if away:
        await node.mend()
    await rig.until(lambda: len(heard.losses) == 1)
    assert heard.data == words(3)
    assert await late.bounds() == Bounds(1, 0, EPOCH + 1, EPOCH + 1)
    with pytest.raises(StreamError):
        await node.bounds()


async def test_lost_tail(rig: StreamRig) -> None:
    """CLU-4: a stream that lost entries a node was delivered is no more that node's."""
    node = await rig.node()
    heard = await node.follow()
    await publish(rig, node, words(5))
    await rig.save()
    await rig.until(heard.is_linked)
    await publish(rig, node, words(5, 6), 6)
    await rig.until(lambda: len(heard.entries) == 10)
    await rig.restore()
    await rig.until(lambda: len(heard.losses) == 1)


async def test_lost_tail_that_grew_again(rig: StreamRig) -> None:
    """CLU-4: nor when others have written in the place of what was lost."""
    node, other = await rig.node(), await rig.node()
    heard, seen = await node.follow(), await other.follow()
    await publish(rig, other, words(5))
    await rig.save()
    await rig.until(seen.is_linked)
    await publish(rig, other, words(5, 6), 6)
    await rig.until(lambda: len(heard.entries) == 10)
    other.stream.close()
    await node.cut()
    await rig.restore()
    writer = await rig.node()
    await writer.follow(5)
    await publish(rig, writer, words(20, 100), 100)
    await node.mend()
    await rig.until(lambda: len(heard.losses) == 1)
    assert heard.data == words(10)


async def test_closing(rig: StreamRig) -> None:
    """After its end nothing is delivered; what was published before still arrives."""
    node, other = await rig.node(), await rig.node()
    heard, seen = await node.follow(), await other.follow()
    node.stream.publish(1, b"last words")
    node.stream.close()
    await rig.until(lambda: len(seen.entries) == 1)
    await publish(rig, other, words(3))
    assert not heard.entries
    assert not heard.answers
