"""A server that is short of memory, in virtual time."""

import zlib
from collections.abc import Sequence
from itertools import product
from unittest.mock import patch

import numpy as np

from protocol.codec import encode
from protocol.messages import NEW_SESSION, VERSION, Ack, Hello, Patch, Rect, Tile, Viewport
from server.settings import Settings
from tests.memory_log import MemoryLog, MemoryStore
from tests.simulation.pair import Pair
from tests.simulation.settings import SETTINGS
from tests.simulation.table import Notepad, Table
from tests.simulation.verdict import Verdict
from tests.simulation.virtual_time import VirtualTime
from tests.whole_canvas import whole_canvas
from tiles.geometry import key, tile_range
from tiles.log.base import CanvasInfo, SavedTile
from tiles.payload import encode_payload

BUDGET_BYTES = 1 << 20
NODE_BUDGET_BYTES = 300_000
UNLIMITED = SETTINGS.model_copy(update={"budget_pixels": 0})
SIDE = 2048
TILES = SIDE // 64


def test_who_draws_waits_while_unsaved_tiles_fill_the_memory() -> None:
    """TILE-5: more is painted than there is memory for, faster than the disk takes it."""
    time = VirtualTime(Verdict())
    store = MemoryStore(CanvasInfo(SIDE, SIDE))
    log = MemoryLog(store, schedule=time.do_after, delay_s=0.05)
    table = Table(log, time, Settings(memory_budget_bytes=BUDGET_BYTES, budget_pixels=0))
    hub, memory = table.hub, table.memory
    lines = [Notepad() for _ in range(3)]
    sessions = [hub.join(line, b"") for line in lines]
    for session in sessions:
        session.receive(encode(Hello(VERSION, NEW_SESSION, "")))
    time.run(time.now + 1)
    for ty in range(TILES):
        for tx in range(TILES):
            x, y = 64 * tx, 64 * ty
            rect = Rect(0, x, y, x + 63, y + 63, tx, ty, 7)
            sessions[tx % 3].receive(encode(rect))
    most_unsaved = most_used = 0
    waited = False
    while hub.durable_seq < TILES * TILES:
        assert time.now < 600, f"it stands still at {hub.seq}"
        time.run(time.now + 0.01)
        most_unsaved = max(most_unsaved, memory.unsaved_bytes)
        most_used = max(most_used, memory.used_bytes)
        waited = waited or not all(session.idle for session in sessions)
    assert waited
    # All tiles together take 13 MiB. Some more than three quarters is unsaved, since each session's
    # last message is drawn, and overviews are computed to be saved.
    assert BUDGET_BYTES / 2 < most_unsaved < 2.5 * BUDGET_BYTES
    assert most_used < 3 * BUDGET_BYTES
    time.run(time.now + 60)
    acks = [[one for one in line.messages if isinstance(one, Ack)][-1] for line in lines]
    assert sum(ack.durable for ack in acks) == TILES * TILES
    assert {type(one).__name__ for line in lines for one in line.messages}.isdisjoint({"Reject"})
    assert memory.used_bytes <= BUDGET_BYTES
    log.crash()
    again = MemoryLog(store)
    found = whole_canvas(again, again.open())
    for ty in range(TILES):
        for tx in range(TILES):
            assert (found.tile(key(0, tx, ty)) == (tx, ty, 7)).all()


def test_a_node_applies_no_more_than_its_memory_holds() -> None:
    """TILE-5: what others draw waits in the stream, and nobody's drawing is refused for it."""
    with patch("tests.simulation.world.SETTINGS", UNLIMITED):
        pair = Pair()
    hub, memory = pair.hub(1), pair.hub(1)._memory
    opened = pair.world.servers[1].opened
    assert opened is not None
    opened.disk.delay_s = 0.2
    memory.budget_bytes = NODE_BUDGET_BYTES
    (there, line), (here, own) = pair.join(0), pair.join(1)
    for session in (there, here):
        pair.say(session, Hello(VERSION, NEW_SESSION, ""))
    noise = np.full((64, 64, 4), 255, np.uint8)
    rng = np.random.default_rng(1)
    sent = most_unsaved = most_waiting = 0
    with patch("server.following.WAITING_MAX", 8):
        for turn in range(1, 4):
            for x, y in product(range(0, 832, 64), range(0, 640, 64)):
                noise[..., :3] = rng.integers(0, 256, (64, 64, 3))
                data = zlib.compress(noise.tobytes(), 1)
                there.receive(encode(Patch(x, y, x + 63, y + 63, data)))
                sent += 1
                pair.pass_time(0.02)
                if here.idle:
                    here.receive(encode(Rect(0, x, y, x, y, turn, 0, 1)))
                    sent += 1
                most_unsaved = max(most_unsaved, memory.unsaved_bytes)
                assert hub.following is not None
                most_waiting = max(most_waiting, hub.following.waiting)
        pair.pass_time(60)
    assert most_waiting >= 8
    assert NODE_BUDGET_BYTES / 2 < most_unsaved < 2 * NODE_BUDGET_BYTES
    assert hub.seq == pair.hub(0).seq == pair.world.truth.seq == sent
    for one in (line, own):
        assert {type(message).__name__ for message in one.messages}.isdisjoint({"Reject", "Notice"})
    pair.world.verdict.settle()


class CountingLog(MemoryLog):
    """Counts the tiles that are read."""

    reads = 0

    def saved(self, tiles: Sequence[int]) -> list[SavedTile]:
        """See :meth:`tiles.log.base.Log.saved`."""
        self.reads += len(tiles)
        return super().saved(tiles)


def test_a_view_that_takes_more_than_the_memory_is_read_once() -> None:
    """TILE-3: tiles don't leave before whom they were fetched for is sent them."""
    time = VirtualTime(Verdict())
    store = MemoryStore(CanvasInfo(SIDE, SIDE), checkpoint_seq=1)
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    row = encode_payload(noise)
    for tile in tile_range(0, (0, 0, SIDE - 1, SIDE - 1)).keys():
        store.tiles[tile] = SavedTile(tile, 1, row)
    log = CountingLog(store, schedule=time.do_after, delay_s=0.05)
    table = Table(log, time, Settings(memory_budget_bytes=BUDGET_BYTES))
    session, line = table.join()
    session.receive(encode(Hello(VERSION, NEW_SESSION, "")))
    session.receive(encode(Viewport(0, 0, 0, SIDE - 1, SIDE - 1, ())))
    time.run(time.now + 30)
    sent = [one for one in line.messages if isinstance(one, Tile)]
    assert len({(one.tx, one.ty) for one in sent}) == len(sent) == TILES * TILES
    assert {one.payload for one in sent} == {row}
    assert log.reads < 2 * TILES * TILES
    assert table.memory.used_bytes <= BUDGET_BYTES
