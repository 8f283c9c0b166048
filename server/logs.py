"""What the server logs: lines to standard error that nobody outside can forge, blow up or colour.

No part of the server logs what a client sent. This is for what comes by way of an exception's text
or of a library.
"""

import logging
import re
import sys

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_MESSAGE_MAX = 2000
_TRACE_MAX = 20_000
"""Characters of a message, and of the traceback under it."""
_HIDDEN = r"\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ud800-\udfff\ufeff"
"""Controls, other line ends, and what changes the direction of the rest."""
_UNSAFE = re.compile(rf"[\x00-\x1f{_HIDDEN}]")
_UNSAFE_IN_TRACE = re.compile(rf"[\x00-\x09\x0b-\x1f{_HIDDEN}]")


class OneLineFormatter(logging.Formatter):
    """A record is one line; the lines of a traceback under it are indented."""

    def __init__(self) -> None:
        super().__init__(_FORMAT)

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line, without a traceback."""
        record.message = _UNSAFE.sub(_escaped, _cut(record.message, _MESSAGE_MAX))
        return super().formatMessage(record)

    def formatException(self, ei: "logging._SysExcInfoType") -> str:
        """The traceback, which ends in the exception's own text."""
        trace = _UNSAFE_IN_TRACE.sub(_escaped, _cut(super().formatException(ei), _TRACE_MAX))
        return trace.replace("\n", "\n    ")


def log_to_stderr(level: str) -> None:
    """Send all that is logged from ``level`` on to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLineFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler])
    # At INFO uvicorn has a line for each connection, at WARNING for each bad request: whoever sends
    # them without end would fill the disk.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)


def _cut(text: str, most: int) -> str:
    """The end counts most: of an exception's text it is the beginning, of a traceback the end."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]} […] {text[-half:]}"


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()
