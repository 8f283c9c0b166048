"""How late a server's event loop is: a cheap HTTP request every few milliseconds, on one socket."""

import socket
from time import monotonic_ns

from benchmarks.load.http import AnswerReader, get
from benchmarks.load.worker import Answer, Command, Worker

_RECEIVE_BYTES = 65_536
_OK = 200


class Pinger:
    """Asks again some time after each answer; the longest waits are the loop's longest holds."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._took_ns: list[int] = []
        self._request = b""
        self._sock: socket.socket | None = None
        self._asked_ns = 0
        self._reader = AnswerReader()
        worker.on("ping", self.ping)
        worker.on("pinged", self.pinged)

    def ping(self, command: Command) -> Answer:
        """GET ``path`` from now on, each ``every_s`` after the last answer."""
        port = command["port"]
        self._request = get(command["path"], port)
        self._sock = socket.create_connection(("127.0.0.1", port))
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reactor = self._worker.reactor
        reactor.watch(self._sock.fileno(), self._readable)
        next_at = 0.0

        def act(now: float) -> float:
            nonlocal next_at
            if not self._asked_ns and now >= next_at:
                next_at = now + command["every_s"]
                self._ask()
            return max(next_at, now + 0.001)

        reactor.keep_doing(act)
        return {}

    def pinged(self, _: Command) -> Answer:
        """How long the answers since the last ``pinged`` took; one that is due counts as well."""
        took, self._took_ns = self._took_ns, []
        if self._asked_ns:
            took = [*took, monotonic_ns() - self._asked_ns]
        return {"took_ns": took}

    def _ask(self) -> None:
        assert self._sock is not None
        self._asked_ns = monotonic_ns()
        self._sock.sendall(self._request)

    def _readable(self) -> None:
        assert self._sock is not None
        data = self._sock.recv(_RECEIVE_BYTES)
        now = monotonic_ns()
        answer = self._reader.feed(data)
        if answer is None and data:
            return
        if answer is None or answer.status != _OK:
            raise ConnectionError(f"the server answered {data[:100]!r}")
        self._took_ns.append(now - self._asked_ns)
        self._asked_ns = 0


if __name__ == "__main__":
    serving = Worker()
    Pinger(serving)
    serving.run()
