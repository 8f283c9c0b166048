"""The parts that ``--workers`` is made of: shares, figures, folders."""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.exposition import generate_latest as write_openmetrics
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from server.datafolder import DataFolder, DataFolderError
from server.exposition import counter, gauge, histogram, single
from server.histogram import Histogram
from server.logs import JsonFormatter, OneLineFormatter
from server.serve import Worker
from server.settings import Settings
from server.settings_loading import SettingsError, load_settings
from server.workers import folder as folder_module
from server.workers import siblings as siblings_module
from server.workers.child import Task
from server.workers.folder import WorkerFolder
from server.workers.merged_metrics import Merged, pack, unpack
from server.workers.moving import check_histories
from server.workers.parent import shared
from server.workers.siblings import FiguresSocket, Siblings

RECORD = logging.LogRecord("server.x", logging.INFO, "x.py", 1, "a line", None, None)


def settings(tmp_path: Path, **flags: object) -> Settings:
    """Those of a server of three workers."""
    return load_settings({"workers": 3, "data": tmp_path, **flags})


# -- settings ----------------------------------------------------------------------------------


def test_limits_of_the_whole_server_are_divided(tmp_path: Path) -> None:
    """CLU-46: together workers let in exactly what one server would, and take no more memory."""
    whole = settings(tmp_path, max_connections=1000)
    shares = list(shared(whole))
    assert [share.max_connections for share in shares] == [334, 333, 333]
    assert sum(share.memory_budget_bytes for share in shares) <= whole.memory_budget_bytes
    assert sum(share.http_cache_bytes for share in shares) <= whole.http_cache_bytes
    assert [share.data for share in shares] == [tmp_path / "workers" / str(i) for i in (1, 2, 3)]
    assert {share.workers for share in shares} == {0}
    assert {share.max_connections for share in shared(settings(tmp_path, max_connections=0))} == {0}


def test_fewer_connections_than_workers_are_refused(tmp_path: Path) -> None:
    """CLU-46: a share of 0 would be no limit."""
    with pytest.raises(SettingsError, match="max_connections"):
        list(shared(settings(tmp_path, max_connections=2)))
    assert [s.max_connections for s in shared(settings(tmp_path, max_connections=3))] == [1, 1, 1]


@pytest.mark.parametrize("wrong", ["1", "-1", "65", "many", "2.5"])
def test_wrong_numbers_of_workers(wrong: str) -> None:
    """CLU-40: one needs no others, and there is a most."""
    with pytest.raises(SettingsError, match="workers"):
        load_settings({"workers": wrong})


def test_auto_is_as_many_as_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    """CLU-40: and two at the least."""
    for processors, workers in ((1, 2), (2, 2), (6, 6)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, n=processors: set(range(n)))
        assert load_settings({"workers": "auto"}).workers == workers


def test_a_task_holds_all_settings(tmp_path: Path) -> None:
    """CLU-40: a worker has the settings of its parent, whatever they are."""
    whole = settings(
        tmp_path,
        cluster="nats://secret@127.0.0.1:4222",
        trusted_proxies="10.0.0.0/8,fd00::/8",
        allow_origin="https://a.example",
        allow_framing="none",
        background="#123",
        root_path="/art",
        nats_ca="ca.pem",
    )
    task = Task(worker=Worker(2, 3, "token"), settings=whole, parent=os.getpid())
    assert Task.model_validate_json(task.model_dump_json()) == task


def test_lines_of_the_log_say_which_worker() -> None:
    """CLU-41: so that they can be told apart."""
    assert " INFO [2] server.x: a line" in OneLineFormatter(2).format(RECORD)
    assert '"worker":2' in JsonFormatter(2).format(RECORD)
    assert "worker" not in JsonFormatter().format(RECORD)
    assert " INFO server.x: a line" in OneLineFormatter().format(RECORD)


# -- figures -----------------------------------------------------------------------------------


def families(sessions: int) -> Iterator[Metric]:
    """What one worker tells."""
    yield gauge("sessions", "Connections.", ("canvas",), [(("main",), sessions), (("b",), 0)])
    yield counter("connections", "All connections.", (), single(2 * sessions))
    flushes = Histogram((0.1,))
    for seconds in (0.05, 0.2, 0.25):
        flushes.observe(seconds)
    yield histogram("flush_seconds", "Flushes.", (), [((), flushes)])


def openmetrics(collector: Collector) -> bytes:
    """In the other of the two formats."""
    data: bytes = write_openmetrics(collector)  # type: ignore[no-untyped-call]
    return data


def samples(text: str) -> dict[tuple[str, str], float]:
    """Values by name and worker, summed over what else there is."""
    found: dict[tuple[str, str], float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = sample.name, sample.labels.get("worker", "")
            found[key] = found.get(key, 0) + sample.value
    return found


def test_figures_survive_the_way_to_another_process() -> None:
    """CLU-44: as they were, in either format."""
    before, after = Merged({"": list(families(5))}), Merged({"": unpack(pack(families(5)))})
    assert generate_latest(after) == generate_latest(before)
    assert openmetrics(after) == openmetrics(before)


def test_families_are_told_once_with_the_samples_of_all() -> None:
    """CLU-44: each sample says whose it is, and both formats are valid."""
    merged = Merged(
        {"": [gauge("one", "Parent's.", (), single(7))], "1": families(5), "2": families(9)}
    )
    both = Merged({"1": list(families(5)), "2": list(families(9))})
    text = generate_latest(merged).decode()
    assert text.count("# HELP tilecast_sessions ") == 1
    assert samples(text)["tilecast_sessions", "1"] == 5
    assert samples(text)["tilecast_sessions", "2"] == 9
    assert samples(text)["tilecast_connections_total", "2"] == 18
    assert samples(text)["tilecast_one", ""] == 7
    parsed = parse_openmetrics(openmetrics(both).decode())  # type: ignore[no-untyped-call]
    assert {family.name for family in parsed} >= {"tilecast_sessions", "tilecast_flush_seconds"}


async def test_who_tells_nothing_in_time_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CLU-44: dead, hung or talking nonsense: the answer comes all the same, and says so."""
    monkeypatch.setattr(siblings_module, "ANSWER_TIMEOUT_S", 0.2)
    # A path of a socket may have 107 characters; those of folders may be longer.
    data = tmp_path / ("long" * 40)
    data.mkdir()
    folder = WorkerFolder(data)
    for number in (1, 2, 3, 4, 5):
        folder.prepare(number, b"salt")
    parent = FiguresSocket(folder.workers, lambda: [gauge("restarts", "…", (), single(1))])
    well = FiguresSocket(folder.of(2), lambda: families(9))
    nonsense = FiguresSocket(folder.of(4), lambda: families(9))
    monkeypatch.setattr(nonsense, "_answer", _babble)
    for told in (parent, well, nonsense):
        await told.open()
    hung = socket.socket(socket.AF_UNIX)
    monkeypatch.chdir(folder.of(3))
    hung.bind("figures.sock")
    hung.listen()
    try:
        began = time.monotonic()
        merged = await Siblings(folder, 1, 5).merged(Merged({"": families(5)}))
        assert time.monotonic() - began < 5
    finally:
        hung.close()
        for told in (parent, well, nonsense):
            told.close()
    found = samples(generate_latest(merged).decode())
    up = {worker: value for (name, worker), value in found.items() if name == "tilecast_worker_up"}
    assert up == {"1": 1, "2": 1, "3": 0, "4": 0, "5": 0}
    told_of = {worker for name, worker in found if name == "tilecast_sessions"}
    assert told_of == {"1", "2"}
    assert found["tilecast_restarts", ""] == 1


async def _babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"[[1, 2")
    writer.close()


async def test_a_socket_that_a_killed_worker_left_is_no_hindrance(tmp_path: Path) -> None:
    """CLU-44: the next worker in its place tells its figures."""
    folder = WorkerFolder(tmp_path)
    folder.prepare(1, b"salt")
    folder.prepare(2, b"salt")
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(folder.of(2) / "figures.sock"))
    left.close()
    told = FiguresSocket(folder.of(2), lambda: families(9))
    await told.open()
    merged = await Siblings(folder, 1, 2).merged(Merged({"": families(5)}))
    told.close()
    assert samples(generate_latest(merged).decode())["tilecast_sessions", "2"] == 9


# -- folders -----------------------------------------------------------------------------------


def test_folders_of_workers_that_are_no_more(tmp_path: Path) -> None:
    """CLU-43: they go, and nothing else does."""
    folder = WorkerFolder(tmp_path)
    for number in (1, 2, 3, 12):
        folder.prepare(number, b"salt")
    for name in ("07", "5x", "keep"):
        (folder.workers / name).mkdir()
    (folder.workers / "9").write_text("a file")
    assert folder.numbers() == [1, 2, 3, 12]
    assert folder.forget_beyond(2) == [3, 12]
    left = {file.name for file in folder.workers.iterdir()}
    assert left == {"1", "2", "07", "5x", "9", "keep"}


def test_workers_folders_are_nobody_elses_to_read(tmp_path: Path) -> None:
    """CLU-40: addresses are hashed by the same salt in all, and it stays a secret."""
    salt = DataFolder(tmp_path).salt()
    folder = WorkerFolder(tmp_path)
    folder.prepare(1, salt)
    assert DataFolder(folder.of(1)).salt() == salt
    assert folder.workers.stat().st_mode & 0o077 == 0


async def test_a_start_waits_for_the_workers_of_a_killed_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CLU-43: two never write to one folder."""
    folder = WorkerFolder(tmp_path)
    folder.prepare(1, b"salt")
    held = DataFolder(folder.of(1))
    held.hold()
    waiting = asyncio.create_task(folder.wait_until_left())
    await asyncio.sleep(0.1)
    assert not waiting.done()
    held.release()
    await waiting
    monkeypatch.setattr(folder_module, "_LEFT_BEHIND_S", 0.05)
    held.hold()
    with pytest.raises(DataFolderError, match="in use"):
        await folder.wait_until_left()
    held.release()


def test_a_folder_holds_canvases_in_nats_once_there_is_a_stream(tmp_path: Path) -> None:
    """CLU-45: a start that came to nothing takes nobody's folder away."""
    folder = WorkerFolder(tmp_path)
    streams = folder.nats / "store" / "jetstream" / "$G" / "streams"
    for name in ("KV_TILECAST", "OBJ_TILECAST_SNAPSHOTS"):
        assert not folder.holds_canvases
        (streams / name).mkdir(parents=True)
    assert not folder.holds_canvases
    (streams / "TILECAST_main").mkdir()
    assert folder.holds_canvases


@pytest.mark.parametrize(
    "left", ["main.sqlite3.migrated-7", "workers/2/folds/main.sqlite3", "folds/main.sqlite3"]
)
def test_what_a_folder_had_is_not_begun_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, left: str
) -> None:
    """CLU-37, CLU-48: a canvas that is a cluster's has its history there, or in a store to find."""
    (tmp_path / left).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / left).touch()
    folder = DataFolder(tmp_path)
    with pytest.raises(DataFolderError, match="serve it with --cluster"):
        check_histories(folder, settings(tmp_path))
    check_histories(folder, settings(tmp_path, cluster="nats://127.0.0.1:4222"))
    # Beside others it is merely said.
    check_histories(folder, settings(tmp_path, canvas="other"))
    assert "serve it with --cluster" in caplog.text


def test_a_folders_own_canvases_are_no_clusters(tmp_path: Path) -> None:
    """CLU-48: in files or in a store of NATS, they would be served by nobody."""
    whole = settings(tmp_path, cluster="nats://127.0.0.1:4222")
    DataFolder(tmp_path).file("main").touch()
    check_histories(DataFolder(tmp_path), settings(tmp_path))
    with pytest.raises(DataFolderError, match=r"\(main\): `tilecast migrate --to"):
        check_histories(DataFolder(tmp_path), whole)
    DataFolder(tmp_path).file("main").unlink()
    (tmp_path / "nats/store/jetstream/$G/streams/TILECAST_main").mkdir(parents=True)
    check_histories(DataFolder(tmp_path), settings(tmp_path))
    with pytest.raises(DataFolderError, match="without --cluster"):
        check_histories(DataFolder(tmp_path), whole)
