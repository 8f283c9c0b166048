"""The peers of the benchmark do the job that they are measured at, and their dialects count right.

Here are only those that need no Node and no NATS: `python -m benchmarks.peers.check` has them all.
"""

import random
import shutil
import socket
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks.load.dialect import OPCODE_BINARY, OPCODE_TEXT, Dialect, Payload, View, pixel_bytes
from benchmarks.peers.check import check
from benchmarks.peers.dialects import (
    DIALECTS,
    BroadcastDialect,
    FloorDialect,
    NatsDialect,
    RoomsDialect,
    SocketIoDialect,
    view_bytes,
)
from benchmarks.peers.start import KINDS, Floor, PeerFailed, start


def test_every_peer_has_a_dialect() -> None:
    assert set(DIALECTS) == set(KINDS)


def test_fastapi_sends_each_pixel_to_everybody_once(tmp_path: Path) -> None:
    assert "everybody" in check("fastapi", tmp_path)


def test_the_port_is_free_again_when_a_peer_has_stopped(tmp_path: Path) -> None:
    running = start("fastapi", tmp_path)
    running.stop()
    assert running.process.returncode is not None
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", running.port))


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
class TestFloor:
    def test_it_writes_as_much_and_as_often_as_it_was_told(self, tmp_path: Path) -> None:
        assert "asked for" in check("floor", tmp_path)

    def test_it_refuses_pixels_that_its_bytes_cannot_hold(self, tmp_path: Path) -> None:
        with pytest.raises(PeerFailed, match="usage"):
            start("floor", tmp_path, floor=Floor(17, 2, 10))


@pytest.mark.parametrize("dialect", [RoomsDialect(), BroadcastDialect()])
def test_a_batch_counts_as_its_pixels(dialect: RoomsDialect | BroadcastDialect) -> None:
    batch = b"".join(pixel_bytes(x, 7, 0x112233) for x in range(5))
    assert dialect.received(OPCODE_BINARY, batch) == 5
    assert not dialect.ready
    assert dialect.received(OPCODE_BINARY, b"\x01") == 0
    assert dialect.ready


@pytest.mark.parametrize("dialect", [RoomsDialect(), SocketIoDialect(), NatsDialect()])
def test_what_no_peer_sends_is_an_error(dialect: Dialect) -> None:
    with pytest.raises(ValueError, match="sent"):
        dialect.received(OPCODE_BINARY, b"-ERR 'no'\r\n")


def test_a_view_names_its_first_and_last_tile() -> None:
    assert view_bytes(View(63, 64, 1919, 1080)) == bytes([1, 0, 0, 1, 0, 29, 0, 16, 0])


def test_the_floors_filling_is_not_counted() -> None:
    payload = bytes(8 * 3) + b"\xff" * 13
    assert FloorDialect().received(OPCODE_BINARY, payload) == 3


def test_nats_counts_the_same_however_its_stream_is_cut() -> None:
    rng = random.Random(3)
    awkward = [b"\0\r\nMSG t", b"\0SG t.1.", b"\0\r\nPING\r", b"\0\0\0\0\0\0\r\n"]
    payloads = awkward + [b"\0" + rng.randbytes(7) for _ in range(200)]
    rng.shuffle(payloads)
    stream = b'INFO {"max_payload":1048576}\r\nPONG\r\n'
    for number, payload in enumerate(payloads):
        stream += f"MSG t.{number % 30}.{number % 17} {number} 8\r\n".encode() + payload + b"\r\n"
    for pieces in (1, 2, 50, len(stream)):
        dialect = NatsDialect()
        cuts = [0, *sorted(rng.sample(range(1, len(stream)), pieces - 1)), len(stream)]
        parts = [stream[start:end] for start, end in pairwise(cuts)]
        assert sum(dialect.received(OPCODE_BINARY, part) for part in parts) == len(payloads)
        assert dialect.ready


def test_nats_answers_a_ping_once_wherever_it_comes() -> None:
    dialect = NatsDialect()
    message = b"MSG t.1.2 3 8\r\n" + pixel_bytes(64, 128, 0x010203) + b"\r\n"
    assert dialect.received(OPCODE_BINARY, message + b"PI") == 1
    assert dialect.replies == []
    assert dialect.received(OPCODE_BINARY, b"NG\r\n" + message) == 1
    assert dialect.received(OPCODE_BINARY, message) == 1
    assert dialect.replies == [Payload(OPCODE_BINARY, b"PONG\r\n")]


def test_nats_subscribes_to_the_tiles_of_its_view() -> None:
    [payload] = NatsDialect().opening(View(64, 0, 191, 63))
    assert payload.data.endswith(b"\r\nSUB t.1.0 1\r\nSUB t.2.0 2\r\nPING\r\n")


def test_socketio_sends_its_view_when_it_is_connected_and_waits_for_the_rooms() -> None:
    dialect, view = SocketIoDialect(), View(0, 0, 63, 63)
    assert dialect.opening(view) == [Payload(OPCODE_BINARY, b"\x82\xa4type\x00\xa3nsp\xa1/")]
    dialect.received(OPCODE_TEXT, b'0{"sid":"x","upgrades":[]}')
    assert dialect.replies == []
    connected = b"\x83\xa4type\x00\xa4data\x81\xa3sid\xa1x\xa3nsp\xa1/"
    dialect.received(OPCODE_BINARY, connected)
    [reply] = dialect.replies
    assert reply.data.endswith(b"\x92\xa1v\xc4\x09" + view_bytes(view))
    assert not dialect.ready
    dialect.received(OPCODE_BINARY, b"\x83\xa4type\x02\xa4data\x91\xa1r\xa3nsp\xa1/")
    assert dialect.ready


def test_socketio_answers_the_heartbeat() -> None:
    dialect = SocketIoDialect()
    assert dialect.received(OPCODE_TEXT, b"2") == 0
    assert dialect.replies == [Payload(OPCODE_TEXT, b"3")]
