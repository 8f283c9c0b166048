"""``/metrics``: what it tells, in which format, and that clients have no say in it."""

import re
from pathlib import Path

from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse

from protocol.codec import encode
from protocol.messages import Pixel, PresenceSet, Viewport
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
        assert of_main(found, "tilecast_flushes_total") > 0
        assert of_main(found, "tilecast_sent_bytes_total") > 0
        session.receive(b"\x09")
        found = await samples(site)
        assert of_main(found, "tilecast_closes_total", code="4400") == 1
        assert of_main(found, "tilecast_sessions") == 0
        assert found["tilecast_http_answers_total", frozenset({("status", "200")})] == 1


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
    """SUP-5: OpenMetrics takes it too, and is strict about names, types and help."""
    async with serving(settings_in(tmp_path)) as site:
        answer = await site.get("/metrics", accept="application/openmetrics-text; version=1.0.0")
        assert answer.headers["content-type"].startswith("application/openmetrics-text")
        families = list(parse_openmetrics(answer.text))  # type: ignore[no-untyped-call]
    ours = [family for family in families if family.name.startswith("tilecast_")]
    assert len(ours) > 20
    for family in ours:
        assert re.fullmatch(r"[a-z_]+", family.name)
        assert family.documentation.endswith(".")
        assert family.type in {"counter", "gauge"}


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
