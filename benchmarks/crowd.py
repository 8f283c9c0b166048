"""Viewers, painters and a probe around one running server, and what a window of time shows."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from benchmarks.cores import pinned, server_cores
from benchmarks.figures import percentile
from benchmarks.load.dialect import View
from benchmarks.subjects import Running, Subject
from benchmarks.usage import busy_seconds
from benchmarks.views import expected_deliveries
from benchmarks.workers import LoadProcess

_PAINTERS = 10
_IN_FLIGHT = 50
_VIEWERS_NICE = 10
"""The viewers' process yields to the probe's and the painters', which share its core."""
_PROBES_A_SECOND = 50
_GENERATOR_BUSY = 0.9
_DISTURBED = 0.05
_NOTHING_PROBED: dict[str, Any] = {"took_ns": [], "lost": 0, "painted_tiles": []}
_Look = dict[str, Any]
"""Counts of all processes at one moment; what the load generators answer, by their names."""


@dataclass(frozen=True, slots=True)
class Window:
    """What one window of steady painting showed. Shares are of 1; times in milliseconds."""

    seconds: float
    painted: int
    delivered: int
    expected: int
    cpu_s: float
    """The server's."""
    bytes: int
    frames: int
    viewers: int
    samples: int
    lost: int
    p50_ms: float
    p99_ms: float
    p999_ms: float
    load_busy: float
    """Share of a core that the viewers' process used; near 1 it is the bottleneck."""
    strays: int
    disturbed: float
    """Share of the server's core that processes other than the server used."""

    @property
    def per_cpu_s(self) -> float:
        """Delivered pixel updates per CPU-second of the server."""
        return self.delivered / self.cpu_s if self.cpu_s else float("inf")

    @property
    def share(self) -> float:
        """Delivered of what should have been."""
        return self.delivered / self.expected if self.expected else 1.0

    @property
    def bytes_per_pixel(self) -> float:
        """Bytes on the wire, WebSocket's own included, for each delivered pixel."""
        return self.bytes / self.delivered if self.delivered else float("nan")

    @property
    def cpu_us_per_pixel(self) -> float:
        """The server's CPU time for each painted pixel, in microseconds."""
        return self.cpu_s / self.painted * 1e6 if self.painted else float("nan")

    @property
    def frames_per_viewer_s(self) -> float:
        """WebSocket messages that one viewer got a second."""
        return self.frames / self.viewers / self.seconds

    @property
    def bytes_per_frame(self) -> float:
        """Mean length of a WebSocket message, its own head included."""
        return self.bytes / self.frames if self.frames else 0.0

    @property
    def doubts(self) -> list[str]:
        """What may have spoilt the window."""
        doubts = []
        if self.load_busy > _GENERATOR_BUSY:
            doubts.append(f"the load generator was busy {self.load_busy:.0%} of the time")
        if pinned() and self.disturbed > _DISTURBED:
            doubts.append(f"other processes used {self.disturbed:.0%} of the server's core")
        return doubts


class ScreenCrowd:
    """Viewers in one process, painters in another, a probe in a third, on one server.

    The probe looks at ``screen``, and the painters paint it; with ``in_own_views`` every viewer
    paints what it looks at instead.
    """

    def __init__(
        self,
        subject: Subject,
        running: Running,
        screen: View,
        seed: int,
        *,
        in_own_views: bool = False,
    ) -> None:
        self._subject = subject
        self._running = running
        self._screen = screen
        self._seed = seed
        self._own = in_own_views
        self._views: list[View] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack:
            self._viewers = self._stack.enter_context(LoadProcess("crowd", _VIEWERS_NICE))
            self._painters = self._stack.enter_context(LoadProcess("crowd"))
            self._probe = self._stack.enter_context(LoadProcess("probe"))
            self._connect(self._painters, [None] * _PAINTERS)
            self._probe.connect(
                view=self._screen, dialect=self._subject.dialect, port=self._running.ports[-1]
            )
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def add_viewers(self, views: Sequence[View]) -> None:
        """Connect more viewers and wait until they see their screens."""
        self._connect(self._viewers, views)
        self._views += views

    def check_every(self, frames: int) -> None:
        """Have viewers decode one in so many frames in full, strays being counted among them."""
        self._viewers.ask("check", every=frames)

    def measure(self, pixels_per_s: float, seconds: float, warm_up_s: float) -> Window:
        """Paint at this rate, probes included; watch a window after a warm-up."""
        probes_per_s = min(_PROBES_A_SECOND, pixels_per_s / 2)
        box = self._screen[:4]
        painters = self._viewers if self._own else self._painters
        painters.ask(
            "paint",
            rate=pixels_per_s - probes_per_s,
            box=None if self._own else box,
            seed=self._seed,
        )
        time.sleep(warm_up_s)
        probing = self._probe.begin(
            "measure", rate=probes_per_s, seconds=seconds, box=box, seed=self._seed
        )
        first, last = self._watch(seconds)
        probed = self._probe.finish(probing)
        painters.ask("hush")
        return self._window(first, last, probed)

    def watch(self, seconds: float) -> Window:
        """Watch a window in which nobody paints."""
        return self._window(*self._watch(seconds), _NOTHING_PROBED)

    def _connect(self, process: LoadProcess, views: Sequence[View | None]) -> None:
        """Spread them over the nodes, if there are several."""
        ports = self._running.ports
        for first, port in enumerate(ports):
            process.connect(
                views=list(views[first :: len(ports)]),
                in_flight=_IN_FLIGHT,
                dialect=self._subject.dialect,
                port=port,
            )

    def _watch(self, seconds: float) -> tuple[_Look, _Look]:
        first = self._look()
        time.sleep(max(0.0, first["at"] + seconds - time.monotonic()))
        return first, self._look()

    def _look(self) -> _Look:
        """All counts as they are now, the server's CPU time among them."""
        return {
            "at": time.monotonic(),
            "cpu_s": self._running.cpu_seconds(),
            "busy_s": busy_seconds(server_cores()),
            "viewers": self._viewers.ask("counts"),
            "probe": self._probe.ask("counts"),
            "painters": self._painters.ask("counts"),
        }

    def _window(self, first: _Look, last: _Look, probed: dict[str, Any]) -> Window:
        def grown(who: str, what: str) -> Any:
            return last[who][what] - first[who][what]

        painted = _painted(first, last, "viewers" if self._own else "painters")
        painted += [(tx, ty, count) for tx, ty, count in probed["painted_tiles"]]
        total = sum(count for _, _, count in painted)
        views = [*self._views, self._screen]
        seconds = last["at"] - first["at"]
        took_ms = [took / 1e6 for took in probed["took_ns"]]
        lost = probed["lost"]
        cpu_s = last["cpu_s"] - first["cpu_s"]
        delivered, size, frames = (
            grown("viewers", what) + grown("probe", what) for what in ("pixels", "bytes", "frames")
        )
        return Window(
            seconds=seconds,
            painted=total,
            delivered=delivered,
            expected=(
                total * len(views)
                if self._subject.broadcasts
                else expected_deliveries(painted, views)
            ),
            cpu_s=cpu_s,
            bytes=size,
            frames=frames,
            viewers=len(views),
            samples=len(took_ms),
            lost=lost,
            p50_ms=percentile(took_ms, 0.5, lost),
            p99_ms=percentile(took_ms, 0.99, lost),
            p999_ms=percentile(took_ms, 0.999, lost),
            load_busy=grown("viewers", "cpu_s") / seconds,
            strays=grown("viewers", "strays"),
            disturbed=max(0.0, last["busy_s"] - first["busy_s"] - cpu_s) / seconds,
        )


def _painted(first: _Look, last: _Look, who: str) -> list[tuple[int, int, int]]:
    """What was painted between two looks: (tile column, row, pixels)."""
    before = {(tx, ty): count for tx, ty, count in first[who]["painted_tiles"]}
    return [
        (tx, ty, count - before.get((tx, ty), 0)) for tx, ty, count in last[who]["painted_tiles"]
    ]
