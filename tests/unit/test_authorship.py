"""Who painted a pixel last: each message's pixels, and the search through the log."""

import itertools
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from protocol.codec import encode
from protocol.messages import Drawing, Patch, Pixel, Rect, Stroke
from tests.log_rigs import MemoryRig, Recorder, Rig, SqliteRig
from tests.unit.test_oracle_against_tiles import random_drawing
from tiles.authorship import Painting, Search, last_painting
from tiles.deflate import deflate
from tiles.geometry import TILE, tile_box
from tiles.hit import paints
from tiles.log.base import Author, Batch, Commit, Log
from tiles.raster import DrawError, DrawLimits, bounds, check, rasterise

WIDTH, HEIGHT = 150, 130
Mask = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


def covered(message: Drawing) -> Mask:
    """What a message paints of the canvas by the rasteriser, (height, width) bool."""
    tall, wide = -(-HEIGHT // TILE) * TILE, -(-WIDTH // TILE) * TILE
    mask = np.zeros((tall, wide), np.bool_)
    for paint in rasterise(message, WIDTH, HEIGHT):
        x0, y0, x1, y1 = tile_box(paint.tile)
        paint.cover(mask[y0 : y1 + 1, x0 : x1 + 1])
    return mask[:HEIGHT, :WIDTH]


def drawable(rng: random.Random) -> Drawing:
    """A random message that may be drawn."""
    while True:
        message = random_drawing(rng, WIDTH, HEIGHT)
        try:
            check(message, WIDTH, HEIGHT, DrawLimits())
            rasterise(message, WIDTH, HEIGHT)
        except DrawError:
            continue
        return message


@pytest.mark.parametrize("seed", range(40))
def test_a_message_paints_what_the_rasteriser_does(seed: int) -> None:
    """HTTP-12: pixel for pixel, on random messages; a third of the rows."""
    rng = random.Random(f"hit {seed}")
    message = drawable(rng)
    mask = covered(message)
    rows = range(seed % 3, HEIGHT, 3)
    found = [[paints(message, x, y) for x in range(WIDTH)] for y in rows]
    assert np.array_equal(found, mask[seed % 3 :: 3]), message


@pytest.mark.parametrize("size", [1, 2, 3, 8, 63, 64])
def test_long_strokes(size: int) -> None:
    """HTTP-12: many points, in all directions, ends that meet, and points that repeat."""
    rng = random.Random(size)
    points = [(rng.randrange(WIDTH), rng.randrange(HEIGHT)) for _ in range(7)]
    message = Stroke(size, 0, 0, 0, (*points, points[-1], points[0], (0, 0), (WIDTH - 1, 0)))
    mask = covered(message)
    ys, xs = np.mgrid[0:HEIGHT:3, 0:WIDTH:2]
    for x, y in zip(xs.ravel().tolist(), ys.ravel().tolist(), strict=True):
        assert paints(message, x, y) == mask[y, x], (x, y)


class Painted:
    """A log with drawing in it, and what its fold says of who painted each pixel."""

    def __init__(self, log: Log, recorder: Recorder) -> None:
        self.log = log
        self.seq = 0
        self.author = np.zeros((HEIGHT, WIDTH), np.int64)
        """The seq of the last message that painted each pixel; 0 where none did."""
        self.names = {0: ""}
        self._recorder = recorder
        self._ticket = itertools.count(1)

    def add(self, name: str, *messages: Drawing) -> None:
        """One batch, by somebody of that name, at second 1000 and its first seq."""
        first = self.seq + 1
        boxes = np.array([bounds(message, WIDTH, HEIGHT) for message in messages])
        for message in messages:
            self.seq += 1
            self.author[covered(message)] = self.seq
            self.names[self.seq] = name
        (x0, y0), (x1, y1) = boxes[:, :2].min(axis=0).tolist(), boxes[:, 2:].max(axis=0).tolist()
        batch = Batch(
            first,
            self.seq,
            Author(bytes(16), name, b"\x07"),
            1000 * first,
            (x0, y0, x1, y1),
            b"".join(map(encode, messages)),
        )
        ticket = next(self._ticket)
        self.log.append(Commit(ticket, [batch], []))
        self._recorder.wait_durable(ticket)

    def find(
        self, x: int, y: int, goes_on: Callable[[], bool] = lambda: True, until: int | None = None
    ) -> Search:
        """Search for who painted a pixel."""
        return last_painting(self.log, (x, y), self.seq if until is None else until, goes_on)


@pytest.fixture(params=[MemoryRig, SqliteRig], ids=["memory", "sqlite"])
def painted(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Painted]:
    """A log that nobody has drawn in yet."""
    rig: Rig = request.param(tmp_path)
    log, _, recorder = rig.opened()
    yield Painted(log, recorder)
    rig.dispose()


def test_the_search_finds_what_the_fold_says(painted: Painted) -> None:
    """HTTP-12: batches of every kind of message, runs of pixels among them."""
    rng = random.Random("search")
    for number in range(60):
        kind = rng.randrange(3)
        if kind == 0:
            messages: list[Drawing] = [drawable(rng)]
        elif kind == 1:
            messages = [drawable(rng) for _ in range(4)]
        else:
            x0, y0 = rng.randrange(WIDTH - 9), rng.randrange(HEIGHT - 9)
            messages = [
                Pixel(x0 + rng.randrange(9), y0 + rng.randrange(9), 1, 2, 3) for _ in range(30)
            ]
        painted.add(f"painter {number % 7}", *messages)
    for _ in range(600):
        x, y = rng.randrange(WIDTH), rng.randrange(HEIGHT)
        found = painted.find(x, y)
        seq = int(painted.author[y, x])
        assert found.searched_to == seq
        if seq == 0:
            assert found.painting is None
        else:
            assert found.painting is not None
            assert (found.painting.seq, found.painting.name) == (seq, painted.names[seq])
            assert found.painting.time_ms <= 1000 * seq


def test_later_messages_don_t_count(painted: Painted) -> None:
    """HTTP-12: who painted it up to a seq, in the middle of a run and of a batch too."""
    painted.add("Ann", Pixel(5, 5, 1, 1, 1), Pixel(5, 5, 2, 2, 2), Pixel(6, 5, 2, 2, 2))
    painted.add("Ben", Pixel(5, 5, 3, 3, 3), Rect(0, 0, 0, 9, 9, 1, 1, 1), Pixel(5, 5, 4, 4, 4))
    seqs = []
    for until in range(7):
        found = painted.find(5, 5, until=until)
        seqs.append(found.painting.seq if found.painting else 0)
    assert seqs == [0, 1, 2, 2, 4, 5, 6]
    assert painted.find(5, 5, until=3).painting == Painting(2, "Ann", 1000)
    assert painted.find(6, 5).painting == Painting(5, "Ben", 4000)


def test_a_patch_leaves_what_is_transparent(painted: Painted) -> None:
    """HTTP-12: a PATCH's hole is the work of who painted there before."""
    painted.add("Ann", Rect(0, 0, 0, 9, 9, 1, 1, 1))
    rows = bytes((9, 9, 9, 255, 8, 8, 8, 0))
    painted.add("", Patch(3, 3, 4, 3, deflate(rows)))
    assert painted.find(3, 3).painting == Painting(2, "", 2000)
    assert painted.find(4, 3).painting == Painting(1, "Ann", 1000)


def test_a_search_that_is_ended_says_how_far_it_came(painted: Painted) -> None:
    """HTTP-12: no message after ``searched_to`` painted the pixel, and an end is no guess."""
    painted.add("Ann", Pixel(1, 1, 1, 1, 1))
    for _ in range(20):
        painted.add("Ben", Rect(1, 0, 0, 9, 9, 1, 1, 1))
    allowed = iter([True, True, True, False])
    found = painted.find(1, 1, lambda: next(allowed))
    assert found == Search(None, 18)
    assert painted.find(1, 1, lambda: False) == Search(None, 21)
    assert painted.find(1, 1) == Search(Painting(1, "Ann", 1000), 1)


def test_a_long_way_back(painted: Painted) -> None:
    """HTTP-12: past more messages than one go through the log takes."""
    painted.add("Ann", Pixel(1, 1, 1, 1, 1))
    run: list[Drawing] = [Pixel(100 + k % 9, 100, 1, 1, 1) for k in range(2_000)]
    for _ in range(3):
        painted.add("Ben", *run)
    assert painted.find(1, 1).painting == Painting(1, "Ann", 1000)
    assert painted.find(2, 1) == Search(None, 0)
