"""``/metrics``: what it tells, in which format, and that clients have no say in it."""

import asyncio
import importlib.metadata
import re
import time
from pathlib import Path

from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse

from protocol.codec import encode
from protocol.messages import Pixel, PresenceSet, Stroke, Viewport
from server.exposition import gauge, single
from tests.http_rig import Site, serving, settings_in

SERVICES = {
    ("", "memory"),
    ("main", "awareness"),
    ("main", "checkpointer"),
    ("main", "fan-out"),
    ("main", "journal"),
    ("main", "log-writer"),
    ("main", "overviews"),
    ("main", "paging"),
    ("main", "sweeper"),
}

LABELS = {"canvas", "code", "le", "python", "route", "service", "status", "version"}
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def samples(site: Site) -> Samples:
    """Every sample, by name and labels."""
    answer = await site.get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parse(answer.text)
        for sample in family.samples
    }


def of_main(found: Samples, name: str, **labels: str) -> float:
    """A figure of the canvas main."""
    return found[name, frozenset({"canvas": "main", **labels}.items())]


async def test_figures(tmp_path: Path) -> None:
    """SUP-5: sessions, seqs, refusals, memory and flushes are as the canvas itself has them."""
    async with serving(settings_in(tmp_path, width=700, height=300)) as site:
        await site.paint(Pixel(1, 2, 3, 4, 5), Pixel(2, 2, 3, 4, 5))
        session = site.painter()
        session.receive(encode(Pixel(9999, 2, 3, 4, 5)))
        session.receive(encode(Viewport(0, 0, 0, 127, 63)))
        site.hub().fanout.flush()
        found = await samples(site)
        assert found["tilecast_ready", frozenset()] == 1
        assert of_main(found, "tilecast_sessions") == 1
        assert of_main(found, "tilecast_connections_total") == 2
        assert of_main(found, "tilecast_subscriptions") == 2
        assert of_main(found, "tilecast_stale_tiles") == 0
        assert of_main(found, "tilecast_seq") == of_main(found, "tilecast_durable_seq") == 2
        assert of_main(found, "tilecast_rejects_total", code="1") == 1
        assert of_main(found, "tilecast_rejects_total", code="3") == 0
        assert of_main(found, "tilecast_closes_total", code="4400") == 0
        assert of_main(found, "tilecast_read_only") == 0
        assert of_main(found, "tilecast_unsaved_tiles") == 1
        assert of_main(found, "tilecast_tile_memory_bytes") > 64 * 64 * 3
        assert of_main(found, "tilecast_flush_seconds_count") > 0
        assert of_main(found, "tilecast_flush_seconds_bucket", le="+Inf") > 0
        assert of_main(found, "tilecast_commit_seconds_count") >= 1
        assert 0 < of_main(found, "tilecast_commit_seconds_sum") < 10
        assert of_main(found, "tilecast_received_frames_total") == 6
        assert of_main(found, "tilecast_received_bytes_total") == 2 * 20 + 3 * 8 + 12
        assert of_main(found, "tilecast_rasterising_messages") == 0
        assert of_main(found, "tilecast_sent_bytes_total") > 0
        session.receive(b"\x09")
        found = await samples(site)
        assert of_main(found, "tilecast_closes_total", code="4400") == 1
        assert of_main(found, "tilecast_sessions") == 0
        assert requests(found, "metrics", 200) == 1


async def test_deliveries(tmp_path: Path) -> None:
    """OPS-1: a message counts once for each session that it is given to."""
    async with serving(settings_in(tmp_path)) as site:
        hub, painter = site.hub(), site.painter()
        near = [site.painter() for _ in range(3)]
        far = site.painter()
        for session in near:
            session.receive(encode(Viewport(0, 0, 0, 127, 63)))
        far.receive(encode(Viewport(0, 640, 640, 700, 700)))
        while hub.viewing.live.pairs < 3 * 2 + 1:  # noqa: ASYNC110  nothing tells
            await asyncio.sleep(0.002)
        painter.receive(b"".join(encode(Pixel(x, 2, 3, 4, 5)) for x in range(7)))
        painter.receive(encode(Stroke(1, 0, 0, 0, ((3, 3), (100, 3)))))
        painter.receive(encode(Pixel(650, 650, 3, 4, 5)))
        hub.fanout.flush()
        found = await samples(site)
        assert of_main(found, "tilecast_delivered_messages_total") == 3 * 8 + 1
        assert of_main(found, "tilecast_drawing_messages_total") == 9


async def test_http_requests(tmp_path: Path) -> None:
    """OPS-1: by what they were for and how they were answered; never by their paths."""
    async with serving(settings_in(tmp_path)) as site:
        for path, route, status in (
            ("/c/main/tiles/0/0/0.png", "tile", 200),
            ("/c/main/tiles/9/0/0.png", "tile", 404),
            ("/c/main/region.png?x0=0&y0=0&x1=9&y1=9", "region", 200),
            ("/c/nowhere/stats", "stats", 404),
            ("/c/main/ws", "websocket", 426),
            ("/api/canvases", "api", 200),
            ("/healthz", "health", 200),
            ("/nowhere", "other", 404),
        ):
            await site.get(path)
            assert requests(await samples(site), route, status) == 1, path
        found = await samples(site)
        assert requests(found, "tile", 503) == requests(found, "tile", 500) == 0
        assert requests(found, "websocket", 101) == 0
        labels = frozenset({("route", "region")})
        assert found["tilecast_http_request_seconds_count", labels] == 1


def requests(found: Samples, route: str, status: int) -> float:
    """How many requests there were."""
    labels = {"route": route, "status": str(status)}
    return found["tilecast_http_requests_total", frozenset(labels.items())]


async def test_every_service_is_there_from_the_start(tmp_path: Path) -> None:
    """SUP-2: with no restarts, and up."""
    async with serving(settings_in(tmp_path)) as site:
        found = await samples(site)
    for name, value in (("tilecast_service_restarts_total", 0), ("tilecast_service_up", 1)):
        told = {
            (dict(labels)["canvas"], dict(labels)["service"]): value
            for (sample, labels), value in found.items()
            if sample == name
        }
        assert told == dict.fromkeys(SERVICES, value)


async def test_names_are_by_convention(tmp_path: Path) -> None:
    """OPS-1: OpenMetrics takes it too, and is strict about names, types and help."""
    async with serving(settings_in(tmp_path)) as site:
        answer = await site.get("/metrics", accept="application/openmetrics-text; version=1.0.0")
        assert answer.headers["content-type"].startswith("application/openmetrics-text")
        families = list(parse_openmetrics(answer.text))  # type: ignore[no-untyped-call]
    ours = [family for family in families if family.name.startswith("tilecast_")]
    assert len(ours) > 30
    for family in ours:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)+", family.name)
        assert family.documentation.endswith(".")
        assert family.type in {"counter", "gauge", "histogram", "info"}
        words = set(family.name.split("_"))
        assert not words & {"total", "count", "sum", "bucket", "gauge", "counter", "histogram"}
        assert not words & {"s", "ms", "milliseconds", "kb", "kib", "mib", "minutes", "percent"}
        assert not words & {"seconds", "bytes"} or family.name.endswith(("_seconds", "_bytes"))
        assert family.type != "histogram" or family.name.endswith("_seconds")
        for sample in family.samples:
            assert set(sample.labels) <= LABELS


async def test_there_are_few_series(tmp_path: Path) -> None:
    """OPS-1: some hundreds for a canvas, however much happens on it."""
    async with serving(settings_in(tmp_path)) as site:
        before = len(await samples(site))
        for number in range(20):
            site.painter().receive(encode(PresenceSet(1, 2, 3, f"somebody {number}")))
            await site.get(f"/c/c{number}/tiles/{number}/0/0.png")
        after = len(await samples(site))
    assert before < 500
    assert after - before <= 2


async def test_the_loop_s_lateness(tmp_path: Path) -> None:
    """OPS-1: what holds the event loop is seen in its lateness."""
    async with serving(settings_in(tmp_path)) as site:
        lateness = site.app.context.loop_lag.lateness
        while not lateness.count:  # noqa: ASYNC110  nothing tells
            await asyncio.sleep(0.01)
        await asyncio.sleep(0)
        time.sleep(0.4)  # noqa: ASYNC251  it is to be held
        before = lateness.count
        while lateness.count == before:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert dict(lateness.buckets())["0.25"] < lateness.count
        found = await samples(site)
        assert found["tilecast_event_loop_lag_seconds_count", frozenset()] >= 2


async def test_what_runs(tmp_path: Path) -> None:
    """OPS-1: the version, the process's memory, and a part that has more to tell."""
    async with serving(settings_in(tmp_path)) as site:
        site.app.context.figures.add(lambda: [gauge("cluster_lag", "A test.", (), single(3))])
        found = await samples(site)
    versions = [dict(labels) for name, labels in found if name == "tilecast_build_info"]
    assert [each["version"] for each in versions] == [importlib.metadata.version("tilecast")]
    assert found["process_resident_memory_bytes", frozenset()] > 10_000_000
    assert found["tilecast_cluster_lag", frozenset()] == 3
    assert found["tilecast_max_connections", frozenset()] == 10_000


async def test_no_client_makes_a_label(tmp_path: Path) -> None:
    """SUP-5: neither a name, nor a path, nor a code."""
    async with serving(settings_in(tmp_path)) as site:
        session = site.painter()
        session.receive(encode(PresenceSet(1, 2, 3, "Mallory")))
        await site.get("/c/mallory/stats")
        await site.get('/c/main/tiles/0/0/0.png?x="mallory"')
        answer = await site.get("/metrics", user_agent="mallory")
        assert "mallory" not in answer.text.lower()


async def test_it_is_not_for_other_origins_pages(tmp_path: Path) -> None:
    """HTTP-6: it is open, but pages of other origins can't read it."""
    async with serving(settings_in(tmp_path)) as site:
        answer = await site.get("/metrics", origin="https://elsewhere.test")
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"
