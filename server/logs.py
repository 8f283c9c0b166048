"""What the server logs: lines to standard error that nobody outside can forge, blow up or colour.

No part of the server logs what a client sent. This is for what comes by way of an exception's text
or of a library. A line is about a canvas, a session (by its public number) or a request where its
record says so (``extra={"canvas": …, "session": …}``); the request under way adds itself.
"""

import json
import logging
import re
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime

REQUEST: ContextVar[str] = ContextVar("tilecast_request", default="")
"""The id of the request that is being answered."""

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_FORMAT_OF_WORKER = "%%(asctime)s %%(levelname)s [%d] %%(name)s: %%(message)s"
_MESSAGE_MAX = 2000
_TRACE_MAX = 20_000
"""Characters of a message, and of the traceback under it."""
_HIDDEN = r"\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ud800-\udfff\ufeff"
"""Controls, other line ends, and what changes the direction of the rest."""
_UNSAFE = re.compile(rf"[\x00-\x1f{_HIDDEN}]")
_UNSAFE_IN_TRACE = re.compile(rf"[\x00-\x09\x0b-\x1f{_HIDDEN}]")


class OneLineFormatter(logging.Formatter):
    """A record is one line; the lines of a traceback under it are indented.

    Of several workers each has its number in its lines.
    """

    def __init__(self, worker: int | None = None) -> None:
        super().__init__(_FORMAT if worker is None else _FORMAT_OF_WORKER % worker)

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line, without a traceback."""
        text = _UNSAFE.sub(_escaped, _cut(record.message, _MESSAGE_MAX))
        about = [
            f"{name} {value}"
            for name, value in _about(record).items()
            if not text.startswith(f"{name} {value}: ")
        ]
        record.message = f"{text} ({', '.join(about)})" if about else text
        return super().formatMessage(record)

    def formatException(self, ei: "logging._SysExcInfoType") -> str:
        """The traceback, which ends in the exception's own text."""
        trace = _UNSAFE_IN_TRACE.sub(_escaped, _cut(super().formatException(ei), _TRACE_MAX))
        return trace.replace("\n", "\n    ")


class JsonFormatter(logging.Formatter):
    """A record is one JSON object on one line, in ASCII.

    ``ts`` (UTC, RFC 3339), ``level``, ``logger`` and ``msg`` are always there; ``worker`` where
    there are several; ``canvas``, ``session``, ``request`` and ``trace`` where there is one, and
    what ``extra={"fields": …}`` holds.
    """

    def __init__(self, worker: int | None = None) -> None:
        super().__init__()
        self._worker = {} if worker is None else {"worker": worker}

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, object] = {
            "ts": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": _cut(record.getMessage(), _MESSAGE_MAX),
            **self._worker,
            **_about(record),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["trace"] = _cut(self.formatException(record.exc_info), _TRACE_MAX)
        return json.dumps(line, separators=(",", ":"))


def log_to_stderr(level: str, form: str, worker: int | None = None) -> None:
    """Send all that is logged from ``level`` on to standard error, as ``text`` or ``json``."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(worker) if form == "json" else OneLineFormatter(worker))
    logging.basicConfig(level=level.upper(), handlers=[handler])
    # At INFO uvicorn has a line for each connection, at WARNING for each bad request: whoever sends
    # them without end would fill the disk.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)


def _about(record: logging.LogRecord) -> Mapping[str, object]:
    """Which canvas, session and request a record is about, as far as it is about any."""
    about = {name: getattr(record, name, None) for name in ("canvas", "session")}
    about["request"] = REQUEST.get()
    return {name: value for name, value in about.items() if value}


def _cut(text: str, most: int) -> str:
    """The end counts most: of an exception's text it is the beginning, of a traceback the end."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]} […] {text[-half:]}"


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()
