"""HTTP/1.1 answers on a kept-alive connection, as far as a load generator reads them."""

from typing import NamedTuple

_END = b"\r\n\r\n"
_LENGTH = b"content-length:"
_ETAG = b"etag:"
_NOT_MODIFIED = 304


class Answer(NamedTuple):
    """What came: the status, the ETag if there was one, and the size of the body in bytes."""

    status: int
    etag: bytes
    size: int


class AnswerReader:
    """One connection's bytes as answers; bodies are measured and dropped."""

    __slots__ = ("_missing", "_now", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._now: Answer | None = None
        self._missing = 0

    def feed(self, data: bytes) -> Answer | None:
        """Take bytes; the answer, once it is whole. One request is under way at a time."""
        if self._now is not None:
            self._missing -= len(data)
        else:
            data = self._rest + data
            end = data.find(_END)
            if end < 0:
                self._rest = data
                return None
            self._rest = b""
            self._now = _head(data[:end])
            self._missing = self._now.size - (len(data) - end - len(_END))
        if self._missing > 0:
            return None
        answer, self._now = self._now, None
        return answer


def _head(head: bytes) -> Answer:
    status = int(head[9:12])
    lower = head.lower()
    at = lower.find(_LENGTH)
    size = 0
    if at >= 0 and status != _NOT_MODIFIED:
        size = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0])
    at = lower.find(_ETAG)
    etag = head[at + len(_ETAG) :].split(b"\r\n", 1)[0].strip() if at >= 0 else b""
    return Answer(status, etag, size)


def get(path: str, port: int, headers: dict[str, str] | None = None) -> bytes:
    """A GET request of a kept-alive connection."""
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode()
