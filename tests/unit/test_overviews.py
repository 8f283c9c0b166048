"""What a zoomed-out session costs, whatever happens below."""

import random

from protocol.codec import decode, encode
from protocol.messages import NEW_SESSION, VERSION, Hello, Patch, Tile, Viewport
from protocol.types import Sender
from server.settings import Settings
from tests.memory_log import MemoryLog, MemoryStore
from tests.simulation.table import Notepad, Table, connect
from tests.simulation.verdict import Verdict
from tests.simulation.virtual_time import VirtualTime
from tiles.deflate import deflate
from tiles.log.base import CanvasInfo

RATE = 20_000
SIDE = 1024


class Counter(Notepad):
    """A line that counts the bytes of TILEs."""

    def __init__(self) -> None:
        super().__init__()
        self.tile_bytes = 0
        self.last: dict[tuple[int, int], bytes] = {}

    def write(self, framed: bytes) -> None:
        """See :meth:`server.line.Line.write`."""
        for message in decode(framed, Sender.SERVER):
            if isinstance(message, Tile):
                self.tile_bytes += len(encode(message))
                self.last[message.tx, message.ty] = message.payload


def noise(rng: random.Random, x: int, y: int) -> Patch:
    """A patch of 64 × 64 that compresses badly."""
    pixels = bytes(
        255 if channel == 3 else rng.randrange(256) for _ in range(4096) for channel in range(4)
    )
    return Patch(x, y, x + 63, y + 63, deflate(pixels))


def test_refreshes_stay_within_their_bytes() -> None:
    """LVL-4: over a canvas that changes everywhere; at rest every tile is as it is."""
    time = VirtualTime(Verdict())
    rng = random.Random(1)
    log = MemoryLog(MemoryStore(CanvasInfo(SIDE, SIDE)), schedule=time.do_after, delay_s=0.001)
    hub = Table(log, time, Settings(overview_bytes_per_second=RATE, budget_pixels=0)).hub
    line = Counter()
    watcher, painter = connect(hub, line), connect(hub, Counter())
    for session in (watcher, painter):
        session.receive(encode(Hello(VERSION, NEW_SESSION, "")))
    time.run(time.now + 1)
    watcher.receive(encode(Viewport(1, 0, 0, SIDE - 1, SIDE - 1, ())))
    time.run(time.now + 1)
    assert len(line.last) == 64
    before = line.tile_bytes
    began = time.now
    patches = [noise(rng, 0, 0).data for _ in range(4)]
    for number in range(400):
        x, y = 64 * rng.randrange(16), 64 * rng.randrange(16)
        painter.receive(encode(Patch(x, y, x + 63, y + 63, patches[number % 4])))
        time.run(time.now + 0.05)
    passed = time.now - began
    largest = 13_000
    assert line.tile_bytes - before <= RATE * (passed + 2) + largest
    assert line.tile_bytes - before >= RATE * passed * 0.7
    time.run(time.now + 64 * largest / RATE)
    assert not watcher.view.stale
    for ty in range(8):
        for tx in range(8):
            tile = hub.snapshots.tile((1 << 20) | (ty << 10) | tx, hub.seq)
            assert line.last[tx, ty] == tile.payload
