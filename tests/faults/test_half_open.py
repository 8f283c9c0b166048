"""Connections that are there no more, and nobody says so: they go within the heartbeat's time.

Twice over: from a network namespace whose link goes down, where not even TCP is answered any more,
and through a relay that falls silent, where TCP's acknowledgements go on. Some of them paint; their
clients come back at once, while the old connection still seems to be there.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.load.dialect import View
from benchmarks.workers import LoadProcess
from tests.faults.namespace import Namespace, NamespaceUnavailable
from tests.faults.recounted import RecountedServer
from tests.faults.relay_thread import RelayThread
from tests.faults.row import Figures, Row, Trial, run_short, worst
from tests.peer import Peer

_SIDE = 2048
_SCREEN = View(64, 64, 64 + 1919, 64 + 1079)
_GONE_WITHIN_S = 30.0
_BACK_WITHIN_S = 2.0
_POLL_S = 0.05
_PIXELS_A_SECOND = 200.0
_PAINT_S = 1.0
_SUCCESSORS = 10
_IN_FLIGHT = 50
_SHORT_FLAGS = ("--ping-interval-s", "1", "--ping-timeout-s", "1")
_DIALECT = "__main__:ReturningDialect"


def _trial(trial: Trial) -> Figures:
    figures: Figures = {"relay": _by_relay(trial)}
    try:
        figures["namespace"] = _by_namespace(trial)
    except NamespaceUnavailable as reason:
        if trial.long:
            raise
        figures["no namespace"] = str(reason)
    return figures


def _by_relay(trial: Trial) -> Figures:
    with ExitStack() as stack:
        server = _start(trial, "relay", stack)
        relay = stack.enter_context(RelayThread(server.port))
        clients = stack.enter_context(LoadProcess("returning"))
        return _vanish(trial, server, clients, relay.port, relay.go_silent)


def _by_namespace(trial: Trial) -> Figures:
    with ExitStack() as stack:
        namespace = stack.enter_context(Namespace())
        server = _start(trial, "namespace", stack, "--host", "0.0.0.0")
        clients = stack.enter_context(LoadProcess("returning", under=namespace.under))
        clients.ask("sockets", host=namespace.host, receive_buffer_bytes=0)
        return _vanish(trial, server, clients, server.port, namespace.cut)


def _start(trial: Trial, name: str, stack: ExitStack, *flags: str) -> RecountedServer:
    size = ("--width", str(_SIDE), "--height", str(_SIDE))
    quick = () if trial.long else _SHORT_FLAGS
    server = RecountedServer(trial.folder / name, *size, *quick, *flags)
    server.start()
    stack.callback(server.end)
    return server


def _vanish(
    trial: Trial,
    server: RecountedServer,
    clients: LoadProcess,
    port: int,
    cut: Callable[[], None],
) -> Figures:
    """So many connect, paint and watch, and are cut off; what the server made of it."""
    server.recount()  # whatever the first question opens is open
    descriptors = server.process.num_fds()
    clients.connect(
        views=[_SCREEN] * trial.units, in_flight=_IN_FLIGHT, dialect=_DIALECT, port=port
    )
    held = server.process.num_fds()
    assert server.recount()["sessions"] == trial.units
    clients.ask("paint", rate=_PIXELS_A_SECOND, box=None, seed=trial.seed)
    time.sleep(_PAINT_S)
    cut()
    cut_at = time.monotonic()
    clients.ask("hush")
    sessions = clients.ask("sessions")["sessions"]
    assert sum(handled for _, handled in sessions) > 0, "nobody had painted"
    back_s = asyncio.run(_succeed(server, sessions[:_SUCCESSORS]))
    count = trial.units
    while count:
        count = server.recount()["sessions"]
        waited = time.monotonic() - cut_at
        assert waited < 2 * _GONE_WITHIN_S, f"{count} are still there after {waited:.0f} s"
        time.sleep(_POLL_S)
    gone_s = time.monotonic() - cut_at
    assert gone_s <= _GONE_WITHIN_S, f"they were gone only after {gone_s:.1f} s"
    server.assert_no_trace()
    while server.process.num_fds() > descriptors:
        waited = time.monotonic() - cut_at
        assert waited < 2 * _GONE_WITHIN_S, f"{server.process.num_fds() - descriptors} are open"
        time.sleep(_POLL_S)
    server.stop_well()
    return {
        "connections": trial.units,
        "gone s": gone_s,
        "taken over s": back_s,
        "descriptors before": descriptors,
        "descriptors held": held,
        "descriptors after": descriptors,
    }


async def _succeed(server: RecountedServer, sessions: Sequence[tuple[str, int]]) -> float:
    """Resume sessions whose old connection still seems to be there; the longest that one took."""
    longest = 0.0
    for session, handled in sessions:
        began = time.monotonic()
        async with Peer(server.ws(), session=bytes.fromhex(session)) as peer:
            longest = max(longest, time.monotonic() - began)
            welcome = peer.welcome
            assert welcome.session.hex() == session, "another session was given"
            assert welcome.handled >= handled, "what was handled is forgotten"
            await peer.look(*_SCREEN[:4])
    assert longest < _BACK_WITHIN_S, f"taking over took {longest:.1f} s"
    return longest


def _summarise(figures: Sequence[Figures]) -> Figures:
    told: Figures = {}
    for way in ("relay", "namespace"):
        found = [one[way] for one in figures if way in one]
        if not found:
            told[way] = figures[0]["no namespace"]
            continue
        told[f"{way}: connections"] = sum(one["connections"] for one in found)
        for name in ("gone s", "taken over s"):
            told[f"{way}: {name}"] = worst(found, name)
        told[f"{way}: descriptors before, held, after"] = ", ".join(
            str(found[-1][f"descriptors {when}"]) for when in ("before", "held", "after")
        )
    return told


ROW = Row(
    name="half-open",
    title="Connections that vanish without a word",
    must_hold="gone in 30 s, no descriptor left",
    unit="connections, each way",
    short=30,
    long=1000,
    trial_units=1000,
    trial=_trial,
    summarise=_summarise,
)


@pytest.mark.long
def test_connections_that_vanish(tmp_path: Path) -> None:
    """SES-5, SES-6, ONCE-2: half-open connections leave, and their successors don't wait."""
    run_short(ROW, tmp_path)
