"""When a snapshot is due, what is kept, and what a node that slept may do: over a real NATS."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from server.cluster import streams
from server.cluster.keys import Keys
from server.cluster.link import Link, LinkOptions
from server.cluster.objects import Snapshot, Snapshots
from server.cluster.seeding import begin_fold, facts_of, plant
from server.cluster.snapshot_service import SnapshotService
from server.cluster.snapshots import BehindError, Limits, SnapshotMaker
from server.cluster.streams import Life, StreamState
from server.supervisor import Supervisor
from server.threads import run_in_daemon
from tests.nats_rig import NatsProcess, one_server
from tests.stream_rigs import WAIT_S, wait_until
from tiles.log.base import CanvasInfo, LogError, Mark, SessionCount
from tiles.log.schema import connect, create, encode_info, transaction, write_mark
from tiles.log.snapshot_file import begin_life, look
from tiles.shared.decisions import Decisions
from tiles.shared.entry import VERSION, ClaimOffer, Entry
from tiles.shared.fold import entry_check
from tiles.shared.stream import Bounds, StreamError

EPOCH = 4711
INFO = CanvasInfo(128, 128, title="A canvas")
NOW_MS = 1_700_000_000_000
LIMITS = Limits(10, 2**20, 60.0, 30.0)


def state(last: int, *, first: int = 1, held_bytes: int = 0, age_s: float = 0.0) -> StreamState:
    """What a stream could say of itself."""
    created = int((NOW_MS - age_s * 1000) * 1000)
    return StreamState(
        Bounds(first, last, EPOCH, EPOCH),
        created,
        held_bytes,
        1,
        "",
        encode_info(INFO),
        Life(0, EPOCH),
        None,
    )


def snapshot(place: int, age_s: float = 0.0) -> Snapshot:
    """One that could be in the store."""
    made_ms = str(int(NOW_MS - age_s * 1000))
    return Snapshot("main", EPOCH, place, 1, 1, b"", "key", {"made_ms": made_ms})


@pytest.mark.parametrize(
    ("stream", "newest", "due"),
    [
        (state(0, age_s=3600), None, False),
        (state(9), None, False),
        (state(10), None, True),
        (state(1, age_s=60), None, True),
        (state(1, age_s=59), None, False),
        (state(109), snapshot(100), False),
        (state(110), snapshot(100), True),
        (state(100), snapshot(100, age_s=3600), False),
        (state(101), snapshot(100, age_s=60), True),
        (state(101), snapshot(100, age_s=59), False),
        (state(104, first=101, held_bytes=2**20), snapshot(100), True),
        (state(104, first=97, held_bytes=2**20), snapshot(100), False),
        (state(104, first=97, held_bytes=2**21), snapshot(100), True),
    ],
)
def test_when_one_is_due(stream: StreamState, newest: Snapshot | None, due: bool) -> None:
    """CLU-30: by entries, by bytes, or by time if anything changed."""
    maker = SnapshotMaker(None, None, LIMITS, lambda: NOW_MS)  # type: ignore[arg-type]
    assert maker.is_due(stream, newest) is due


class Canvas:
    """A stream, and the file of a fold that has come as far as a test says."""

    def __init__(self, link: Link, folder: Path) -> None:
        self.link = link
        self.fold = folder / "main.sqlite3"
        self.snapshots = Snapshots(link)
        create(self.fold, INFO, EPOCH)

    async def publish(self, count: int) -> None:
        """Let the stream hold so many entries more."""
        subject = streams.log_subject("main", EPOCH)
        for _ in range(count):
            answer = await self.link.request(subject, b"an entry", 5.0)
            streams.check(json.loads(answer.data))

    async def follow(self) -> int:
        """Let the fold be where the stream ends."""
        (entry,) = await streams.read(self.link, "main", (await self.bounds()).last - 1, 1)
        with closing(connect(self.fold)) as connection, transaction(connection):
            write_mark(connection, Mark(entry.place, 0, entry_check(entry)))
        return entry.place

    async def bounds(self) -> Bounds:
        """What the stream holds."""
        return (await streams.state(self.link, "main")).bounds

    async def places(self) -> list[int]:
        """The snapshots that there are, by place."""
        found = await run_in_daemon(lambda: self.snapshots.all("main"))
        return [snapshot.place for snapshot in found]

    async def look_after(
        self, maker: SnapshotMaker, goes_on: Callable[[], bool] = lambda: True
    ) -> bool:
        """Have a snapshot made if one is due."""
        return await run_in_daemon(lambda: maker.look_after("main", self.fold, goes_on))


@pytest.fixture(scope="module")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsProcess]:
    """A server for all of these tests."""
    with one_server(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture
async def canvas(nats: NatsProcess, tmp_path: Path) -> AsyncIterator[Canvas]:
    """A canvas that nothing was drawn on."""
    async with Link(LinkOptions((nats.url,))) as link:
        await link.wait_up(WAIT_S)
        await streams.create(link, "main", EPOCH, 1, info=encode_info(INFO))
        canvas = Canvas(link, tmp_path)
        await run_in_daemon(lambda: canvas.snapshots.prepare(1))
        yield canvas
        await streams.delete(link, "main")
        await run_in_daemon(lambda: canvas.snapshots.keep("main", 0, 1))


async def test_two_are_kept_and_the_stream_is_trimmed(canvas: Canvas) -> None:
    """CLU-30: behind the older of them; nothing is made before it is due."""
    maker = SnapshotMaker(canvas.link, canvas.snapshots, LIMITS)
    assert not await canvas.look_after(maker)
    places: list[int] = []
    for _ in range(4):
        await canvas.publish(9)
        assert not await canvas.look_after(maker)
        await canvas.publish(1)
        places.append(await canvas.follow())
        assert await canvas.look_after(maker)
        assert await canvas.places() == places[-2:]
        assert (await canvas.bounds()).first == (places[-2] + 1 if len(places) > 1 else 1)
        assert not await canvas.look_after(maker)
    assert maker.made == 4
    assert not list(canvas.fold.parent.glob(".*")), "no drafts"


async def test_another_made_one(canvas: Canvas, monkeypatch: pytest.MonkeyPatch) -> None:
    """CLU-30: what other nodes made counts, and a node that is behind makes none."""
    makers = [SnapshotMaker(canvas.link, canvas.snapshots, LIMITS) for _ in range(2)]
    await canvas.publish(10)
    await canvas.follow()
    assert await canvas.look_after(makers[0])
    assert not await canvas.look_after(makers[1])
    await canvas.publish(10)
    monkeypatch.setattr("server.cluster.snapshots.take", None)  # it would take long
    with pytest.raises(BehindError, match="at place 10 of 20"):
        await canvas.look_after(makers[1])
    assert await canvas.places() == [10]
    canvas.fold.unlink()
    with pytest.raises(BehindError, match="no fold"):
        await canvas.look_after(makers[1])
    create(canvas.fold, INFO, EPOCH + 1)
    with pytest.raises(BehindError, match="another stream"):
        await canvas.look_after(makers[1])


class Node:
    """One that makes snapshots when it is its turn, of a fold that a test sees to."""

    def __init__(self, canvas: Canvas, folds: Sequence[tuple[str, Path]]) -> None:
        self.maker = SnapshotMaker(canvas.link, canvas.snapshots, LIMITS)
        self.service = Supervisor(asyncio.get_running_loop()).service("snapshots")
        self.snapshots = SnapshotService(
            self.service, Keys(canvas.link), canvas.snapshots, self.maker, 1, lambda: folds
        )

    async def in_charge(self) -> None:
        """Wait until it is its turn."""
        await wait_until(lambda: self.snapshots.in_charge)


@pytest.mark.parametrize("wrong", ["stands still", "not open", "fails", "an error of our own"])
async def test_node_that_can_make_none(
    canvas: Canvas,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    wrong: str,
) -> None:
    """CLU-30: it stands back, and another is in charge from then on as long as it is well."""
    for name, seconds in (("_LOOK_S", 0.05), ("PATIENCE_S", 0.3), ("STAND_BACK_S", 0.6)):
        monkeypatch.setattr(f"server.cluster.snapshot_service.{name}", seconds)
    behind = tmp_path / "behind.sqlite3"
    create(behind, INFO, EPOCH)
    sick = Node(canvas, [] if wrong == "not open" else [("main", behind)])
    error = {"fails": OSError("disk full"), "an error of our own": KeyError("facts")}.get(wrong)
    if error is not None:
        monkeypatch.setattr(sick.maker, "look_after", partial(_raise, error))
    await sick.in_charge()
    await canvas.publish(10)
    await canvas.follow()
    for _ in range(2):
        await wait_until(lambda: not sick.snapshots.in_charge)
        resigned = time.monotonic()
        await sick.in_charge()
    assert time.monotonic() - resigned > 0.4
    well = Node(canvas, [("main", canvas.fold)])
    try:
        await wait_until(lambda: well.maker.made == 1)
        assert not sick.snapshots.in_charge
        assert "other nodes are to make the snapshots" in caplog.text
        for place in (20, 30):
            await canvas.publish(10)
            assert await canvas.follow() == place
            await wait_until(lambda place=place: well.maker.made == place // 10)  # type: ignore[misc]
        end = time.monotonic() + WAIT_S
        while (places := await canvas.places()) != [20, 30]:
            assert time.monotonic() < end, places
        assert sick.maker.made == 0
        await well.snapshots.close()
        await sick.in_charge()
    finally:
        await sick.snapshots.close()
        await well.snapshots.close()


def _raise(error: Exception, *_args: object) -> None:
    raise error


async def test_short_trouble(
    canvas: Canvas, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """CLU-30: a fold that is behind for a moment makes no other node be in charge."""
    monkeypatch.setattr("server.cluster.snapshot_service._LOOK_S", 0.05)
    looked: list[str] = []
    node = Node(canvas, [("main", canvas.fold)])
    look_after = node.maker.look_after

    def look(name: str, fold: Path, goes_on: Callable[[], bool]) -> bool:
        looked.append(name)
        return look_after(name, fold, goes_on)

    monkeypatch.setattr(node.maker, "look_after", look)
    await node.in_charge()
    await canvas.publish(10)
    before = len(looked)
    await wait_until(lambda: len(looked) > before + 3)
    assert node.snapshots.in_charge
    await canvas.follow()
    await wait_until(lambda: node.maker.made == 1)
    assert node.snapshots.in_charge
    await node.snapshots.close()
    assert not caplog.records


async def test_who_was_paused(canvas: Canvas) -> None:
    """CLU-32: its snapshot is an old one; it deletes and trims nothing that came meanwhile."""
    slept, awake = (SnapshotMaker(canvas.link, canvas.snapshots, LIMITS) for _ in range(2))
    await canvas.publish(10)
    await canvas.follow()
    old = canvas.fold.with_name("old")
    old.write_bytes(canvas.fold.read_bytes())
    for _ in range(2):
        await canvas.publish(10)
        await canvas.follow()
        await canvas.look_after(awake)
    bounds = await canvas.bounds()
    assert (await canvas.places(), bounds.first) == ([20, 30], 21)
    # Asleep before it stored its own: it is the oldest, and the next to go.
    await run_in_daemon(
        lambda: canvas.snapshots.put("main", EPOCH, 10, old, facts_of(look(old), NOW_MS))
    )
    newest = await run_in_daemon(lambda: canvas.snapshots.newest("main", EPOCH))
    assert newest is not None
    assert newest.place == 30
    # Asleep before it cleared away: it isn't the one to do that any more.
    await canvas.publish(10)
    await canvas.follow()
    asked: list[bool] = []

    def goes_on() -> bool:
        asked.append(len(asked) < 2)
        return asked[-1]

    assert await canvas.look_after(slept, goes_on)
    assert await canvas.places() == [10, 20, 30, 40]
    assert await canvas.bounds() == Bounds(21, 40, EPOCH, EPOCH)
    # Asleep before it trimmed, while another stream came in this one's place.
    await streams.delete(canvas.link, "main")
    await streams.create(canvas.link, "main", EPOCH + 1, 1, info=encode_info(INFO))
    subject = streams.log_subject("main", EPOCH + 1)
    for _ in range(50):
        await canvas.link.request(subject, b"an entry", 5.0)
    await streams.trim(canvas.link, "main", EPOCH, 30)
    await run_in_daemon(lambda: slept._clear_away("main", EPOCH, lambda: True))
    assert await canvas.bounds() == Bounds(1, 50, EPOCH + 1, EPOCH + 1)


async def test_snapshots_of_no_use(canvas: Canvas, tmp_path: Path) -> None:
    """CLU-33: an older one is taken; without any a fold begins at the first entry, or never."""
    maker = SnapshotMaker(canvas.link, canvas.snapshots, LIMITS)
    new = tmp_path / "new" / "main.sqlite3"

    def begin() -> Mark:
        begin_fold(canvas.link, canvas.snapshots, "main", new)
        mark = look(new).mark
        new.unlink()
        return mark

    assert (await run_in_daemon(begin)).place == 0, "from the first entry"
    for _ in range(2):
        await canvas.publish(10)
        await canvas.follow()
        await canvas.look_after(maker)
    assert (await run_in_daemon(begin)).place == 20
    # Beyond the stream's end, of another entry at its place, or not what it is said to be.
    await canvas.publish(10)
    with closing(connect(canvas.fold)) as connection, transaction(connection):
        write_mark(connection, Mark(25, 0, 1))
    facts = facts_of(look(canvas.fold), NOW_MS)
    for place in (25, 26, 99):
        await run_in_daemon(
            lambda place=place: canvas.snapshots.put("main", EPOCH, place, canvas.fold, facts)  # type: ignore[misc]
        )
    assert (await run_in_daemon(begin)).place == 20
    found = await run_in_daemon(lambda: canvas.snapshots.all("main"))
    await streams.ask(
        canvas.link,
        "STREAM.PURGE.OBJ_TILECAST_SNAPSHOTS",
        {"filter": f"$O.TILECAST_SNAPSHOTS.C.{found[1].key}"},
    )
    assert (await run_in_daemon(begin)).place == 10, "the newest that is well"
    await run_in_daemon(lambda: canvas.snapshots.keep("main", 0, 1))
    assert (await canvas.bounds()).first == 11
    with pytest.raises(LogError, match="begins after place 10"):
        await run_in_daemon(begin)
    left = [file.name for file in new.parent.iterdir()]
    assert left == ["main.sqlite3.lock"], "nothing of a fold, nor of what was fetched"


async def test_stream_that_begins_from_a_snapshot(canvas: Canvas, tmp_path: Path) -> None:
    """CLU-33: nobody takes its first entry for the canvas's first."""
    seed, new = tmp_path / "seed", tmp_path / "new.sqlite3"
    create(seed, INFO)
    begin_life(seed, EPOCH + 1)
    with pytest.raises(StreamError, match="in use"):
        await run_in_daemon(lambda: plant(canvas.link, canvas.snapshots, "main", seed, 1))
    await streams.delete(canvas.link, "main")
    await run_in_daemon(lambda: plant(canvas.link, canvas.snapshots, "main", seed, 1))
    await run_in_daemon(lambda: begin_fold(canvas.link, canvas.snapshots, "main", new))
    assert look(new).epoch == EPOCH + 1
    assert look(new).info == INFO
    new.unlink()
    await run_in_daemon(lambda: canvas.snapshots.keep("main", 0, 1))
    with pytest.raises(LogError, match="with no snapshot of it"):
        await run_in_daemon(lambda: begin_fold(canvas.link, canvas.snapshots, "main", new))
    assert not new.exists()


def test_session_that_is_older_than_the_stream() -> None:
    """CLU-36: it keeps its count, and gets a number of its own when it is claimed first."""
    decisions = Decisions(100, Mark())
    now_ms = time.time_ns() // 1_000_000
    old, fresh = b"o" * 16, b"f" * 16
    decisions.learn([SessionCount(old, 77, ((5, 1),), now_ms)])
    clients = []
    for place, session in enumerate((bytes(16), old, old), 1):
        claim = ClaimOffer(place, session, fresh, place - 1)
        entry = Entry(VERSION, EPOCH, 1, place, claims=[claim])
        (granted,) = decisions.decide(place, now_ms, entry, place).granted
        clients.append(granted.session.client)
    assert clients == [1, 2, 2]
    assert (granted.session.handled, granted.session.rejected) == (77, ((5, 1),))
    assert decisions.mark.clients == 2
