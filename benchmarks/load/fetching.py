"""HTTP clients that ask again as soon as they are answered, on a few kept-alive connections."""

import socket
from collections import Counter, deque
from time import monotonic, process_time

from benchmarks.load.http import AnswerReader, get
from benchmarks.load.reactor import Reactor
from benchmarks.load.worker import Answer, Command, Worker

_RECEIVE_BYTES = 256 * 1024


class Fetching:
    """The command ``fetch``."""

    def __init__(self, worker: Worker) -> None:
        self._reactor = worker.reactor
        self._etags: dict[str, bytes] = {}
        worker.on("fetch", self.fetch)

    def fetch(self, command: Command) -> Answer:
        """GET ``paths`` in turn, once, or for ``seconds`` over and over.

        With ``revalidate`` the ETag that a path was answered with before is sent along.
        """
        port = command["port"]
        paths: list[str] = command["paths"]
        etags = self._etags if command["revalidate"] else {}
        requests = deque(
            (
                path,
                get(path, port, {"If-None-Match": etags[path].decode()} if path in etags else {}),
            )
            for path in paths
        )
        ends = monotonic() + command["seconds"] if command["seconds"] else None
        fetchers = [
            _Fetcher(self._reactor, port, requests, ends, self._etags)
            for _ in range(command["connections"])
        ]
        began, cpu_s = monotonic(), process_time()
        for fetcher in fetchers:
            fetcher.ask()
        self._reactor.run_until(lambda: all(fetcher.over for fetcher in fetchers))
        statuses: Counter[int] = Counter()
        for fetcher in fetchers:
            statuses.update(fetcher.statuses)
        return {
            "seconds": monotonic() - began,
            "load_cpu_s": process_time() - cpu_s,
            "statuses": [[status, count] for status, count in statuses.items()],
            "bytes": sum(fetcher.bytes for fetcher in fetchers),
        }


class _Fetcher:
    """One connection, one request under way."""

    def __init__(
        self,
        reactor: Reactor,
        port: int,
        requests: deque[tuple[str, bytes]],
        ends: float | None,
        etags: dict[str, bytes],
    ) -> None:
        self.over = False
        self.statuses: Counter[int] = Counter()
        self.bytes = 0
        self._reactor = reactor
        self._requests = requests
        self._ends = ends
        self._etags = etags
        self._path = ""
        self._reader = AnswerReader()
        self._sock = socket.create_connection(("127.0.0.1", port))
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reactor.watch(self._sock.fileno(), self._readable)

    def ask(self) -> None:
        """Send the next request, unless it is over."""
        if not self._requests or (self._ends is not None and monotonic() > self._ends):
            self.over = True
            self._reactor.unwatch(self._sock.fileno())
            self._sock.close()
            return
        request = self._requests.popleft()
        if self._ends is not None:
            self._requests.append(request)
        self._path = request[0]
        self._sock.sendall(request[1])

    def _readable(self) -> None:
        data = self._sock.recv(_RECEIVE_BYTES)
        if not data:
            raise ConnectionError("the server closed the connection")
        answer = self._reader.feed(data)
        if answer is not None:
            self.statuses[answer.status] += 1
            self.bytes += answer.size
            if answer.etag:
                self._etags[self._path] = answer.etag
            self.ask()


if __name__ == "__main__":
    serving = Worker()
    Fetching(serving)
    serving.run()
