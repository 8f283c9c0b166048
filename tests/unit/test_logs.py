"""Lines of the log: one each, plain and short, whatever is in them."""

import io
import logging

import pytest

from server.logs import OneLineFormatter


@pytest.fixture
def log() -> tuple[logging.Logger, io.StringIO]:
    """A logger of the test's, and what it wrote."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(OneLineFormatter())
    logger = logging.Logger("test")
    logger.addHandler(handler)
    return logger, out


FORGED = "x\n2026-01-01 00:00:00,000 CRITICAL server: all is lost"


def test_a_message_is_one_line(log: tuple[logging.Logger, io.StringIO]) -> None:
    """LIM-11: line ends, escape sequences and directions are written out."""
    logger, out = log
    logger.warning("a name: %s", FORGED + "\r\x1b[2J\u202e\u2028\x85\x00")
    (line,) = out.getvalue().splitlines()
    assert line.endswith(
        r"a name: x\n2026-01-01 00:00:00,000 CRITICAL server: all is lost"
        r"\r\x1b[2J\u202e\u2028\x85\x00"
    )


def test_a_message_is_cut(log: tuple[logging.Logger, io.StringIO]) -> None:
    """LIM-11: a megabyte of it is no megabyte of the log."""
    logger, out = log
    logger.error("%s", "a" * 500_000 + "b" * 500_000)
    assert 1000 < len(out.getvalue()) < 2200
    assert out.getvalue().endswith("b\n")


def test_a_traceback_is_indented(log: tuple[logging.Logger, io.StringIO]) -> None:
    """LIM-11: what an exception says can't begin a line of the log, nor fill it."""
    logger, out = log
    for text in (FORGED, "\x1b[2J", FORGED * 100_000):
        try:
            raise ValueError(text)
        except ValueError:
            logger.exception("it failed")
    lines = out.getvalue().split("\n")
    assert len([line for line in lines if line and not line.startswith(" ")]) == 3 * 2
    assert not [line for line in lines if "CRITICAL" in line and not line.startswith("    ")]
    assert "\x1b" not in out.getvalue()
    assert len(out.getvalue()) < 100_000


def test_what_reads_well_stays(log: tuple[logging.Logger, io.StringIO]) -> None:
    """LIM-11: umlauts and other scripts are no danger."""
    logger, out = log
    logger.info("canvas %s: %d × %d, von Jürgen und 日本", "main", 3, 4)
    assert out.getvalue().endswith("canvas main: 3 × 4, von Jürgen und 日本\n")
