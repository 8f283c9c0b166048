"""The connection to NATS (:mod:`server.cluster.link`)."""

import asyncio
import logging
import random
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from nats.aio.msg import Msg

from server.cluster.connection import Connection
from server.cluster.link import Link, LinkOptions
from tests.nats_rig import NatsProcess, one_server
from tests.stream_rigs import WAIT_S, Line, wait_until
from tiles.shared.stream import StreamError

NOTICED_WITHIN_S = 5.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsProcess]:
    """A server that runs."""
    with one_server(tmp_path / "nats") as made:
        yield made


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for localhost that vouches for itself, and its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", key, "-out", certificate, "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost"),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


@pytest.mark.parametrize(
    "servers",
    [(), ("localhost",), ("http://a:1",), ("nats://",), ("nats://a:b",), ("nats://a", "")],
)
async def test_what_is_no_server(servers: tuple[str, ...]) -> None:
    """An address that can't be one is refused at once."""
    with pytest.raises(ValueError):
        Link(LinkOptions(servers))


async def test_nothing_is_there(caplog: pytest.LogCaptureFixture) -> None:
    """Where nobody listens it says so, once, without its secrets; nothing is sent or kept."""
    caplog.set_level(logging.INFO)
    async with Link(LinkOptions(("nats://user:secret@127.0.0.1:1",))) as link:
        with pytest.raises(StreamError, match=r"127\.0\.0\.1:1"):
            await link.wait_up(0.5)
        assert not link.up
        assert link.server == ""
        assert not link.publish("a", b"")
        with pytest.raises(StreamError):
            await link.request("a", b"", 1.0)
    assert "secret" not in caplog.text
    assert len(caplog.records) == 1


async def test_the_next_server_is_taken(server: NatsProcess, tmp_path: Path) -> None:
    """When a server ends, the link goes to another of its servers."""
    with one_server(tmp_path / "other") as other:
        states: list[bool] = []
        async with Link(LinkOptions((server.url, other.url))) as link:
            link.watch(lambda error: states.append(error is None))
            for turn in (1, 2, 3):
                await link.wait_up(WAIT_S)
                here = server if str(server.config.port) in link.server else other
                here.kill()
                await wait_until(lambda turn=turn: states.count(False) == turn)  # type: ignore[misc]
                here.start()
            await link.wait_up(WAIT_S)
    assert states == [True, False] * 4


async def test_what_waited_is_dropped(server: NatsProcess) -> None:
    """CLU-6: what a stuck server didn't take is given up with its connection, not sent later."""
    heard: list[bytes] = []
    options = LinkOptions((server.url,), silence_s=0.5, outbox_max_bytes=8 << 20)
    async with Link(options) as link, Link(replace(options, silence_s=WAIT_S)) as other:
        await link.wait_up(WAIT_S)
        await other.wait_up(WAIT_S)
        other.subscribe("a", lambda message: heard.append(message.data[:1]))
        await other.request("$JS.API.INFO", b"", WAIT_S)
        server.pause()
        # More than fits into all that lies between here and the server.
        sent = 0
        while link.up and sent < 10_000:
            sent += link.publish("a", b"x" + bytes(100_000))
            await asyncio.sleep(0)
            if sent and link.waiting_bytes + 100_001 > options.outbox_max_bytes:
                break
        assert not link.publish("a", b"x" + bytes(100_000))
        await wait_until(lambda: not link.up)
        assert link.waiting_bytes == 0
        server.resume()
        await link.wait_up(WAIT_S)
        assert link.publish("a", b"y")
        await wait_until(lambda: b"y" in heard)
    assert heard.count(b"x") < sent


async def test_subscriptions_in_order(server: NatsProcess) -> None:
    """What is subscribed and said within one turn takes effect in that order."""
    heard: list[tuple[str, bytes]] = []

    def hear(message: Msg) -> None:
        heard.append((message.subject, message.data))

    async with Link(LinkOptions((server.url,))) as link:
        await link.wait_up(WAIT_S)
        link.publish("a", b"before")
        subscription = link.subscribe("a", hear)
        link.publish("a", b"1")
        link.publish("a", b"2")
        await wait_until(lambda: len(heard) == 2)
        subscription.cancel()
        link.publish("a", b"after")
        link.subscribe("b", hear)
        link.publish("b", b"3")
        await wait_until(lambda: len(heard) == 3)
    assert heard == [("a", b"1"), ("a", b"2"), ("b", b"3")]


async def test_a_hearer_that_fails(server: NatsProcess, caplog: pytest.LogCaptureFixture) -> None:
    """An error in who hears a message is logged, and the next message is heard."""
    heard: list[bytes] = []

    def hear(message: Msg) -> None:
        heard.append(message.data)
        if message.data == b"bad":
            raise ValueError("this one")

    async with Link(LinkOptions((server.url,))) as link:
        await link.wait_up(WAIT_S)
        link.subscribe("a", hear)
        link.publish("a", b"bad")
        link.publish("a", b"good")
        await wait_until(lambda: heard == [b"bad", b"good"])
    assert "this one" in caplog.text


async def test_the_last_words_are_sent(server: NatsProcess) -> None:
    """What was published just before the link is closed is sent."""
    heard: list[bytes] = []
    async with Link(LinkOptions((server.url,))) as other:
        await other.wait_up(WAIT_S)
        other.subscribe("a", lambda message: heard.append(message.data))
        async with Link(LinkOptions((server.url,))) as link:
            await link.wait_up(WAIT_S)
            await other.request("$JS.API.INFO", b"", WAIT_S)
            for number in range(100):
                link.publish("a", b"%d" % number)
        await wait_until(lambda: len(heard) == 100)


async def test_its_own_thread_can_not_wait(server: NatsProcess) -> None:
    """A wait that would never end is an error."""
    async with Link(LinkOptions((server.url,))) as link:
        with pytest.raises(RuntimeError):
            link.wait(asyncio.sleep(0), 1.0)


@pytest.mark.parametrize(
    ("written", "given"),
    [
        ('user: "a:b", password: "p@ss/w%rd"', "a%3Ab:p%40ss%2Fw%25rd@"),
        ('token: "t@k/n"', "t%40k%2Fn@"),
    ],
)
async def test_secrets_in_addresses(tmp_path: Path, written: str, given: str) -> None:
    """Users, passwords and tokens may hold any characters, percent-encoded."""
    server = one_server(tmp_path / "nats")
    config = server.config.text().replace(f'token: "{server.config.token}"', written)
    assert written in config
    server.launch(config)
    try:
        server.wait_until_ready()
        url = f"nats://{given}127.0.0.1:{server.config.port}"
        async with Link(LinkOptions((url,))) as link:
            await link.wait_up(WAIT_S)
    finally:
        server.dispose()


@pytest.mark.parametrize("said", [b"MSG people.\xff\xfe 1 2\r\nhi\r\n", b"INFO {no\r\n"])
async def test_it_hears_what_can_not_be_read(server: NatsProcess, said: bytes) -> None:
    """CLU-2: the library reads nothing more after that, whatever its flush says."""
    heard: list[bytes] = []
    url = f"nats://{server.config.token}@127.0.0.1"
    async with (
        Line(server.config.port) as line,
        Link(LinkOptions((server.url,))) as other,
        Link(LinkOptions((f"{url}:{line.port}",))) as link,
    ):
        await other.wait_up(WAIT_S)
        link.subscribe("people.*", lambda message: heard.append(message.data))
        await link.wait_up(WAIT_S)
        await link.request("$JS.API.INFO", b"", WAIT_S)
        other.publish("people.a", b"before")
        await wait_until(lambda: heard == [b"before"])
        line.say(said)
        await wait_until(lambda: link.connects == 2 and link.up, NOTICED_WITHIN_S)
        await link.request("$JS.API.INFO", b"", WAIT_S)
        other.publish("people.a", b"after")
        await wait_until(lambda: heard == [b"before", b"after"])


async def test_its_runner_fails(
    server: NatsProcess, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """CLU-27: whatever it is that connecting fails of, it is tried again."""
    tried: list[str] = []

    async def fail(_options: LinkOptions, tried_server: str) -> Connection:
        tried.append(tried_server)
        raise KeyError("credentials")

    monkeypatch.setattr("server.cluster.link.connect", fail)
    async with Link(LinkOptions((server.url,))) as link:
        await wait_until(lambda: len(tried) == 3)
        with pytest.raises(StreamError, match="credentials"):
            await link.wait_up(0.01)
        monkeypatch.undo()
        await link.wait_up(WAIT_S)
    assert "the link to NATS failed" in caplog.text


async def test_tls(tmp_path: Path) -> None:
    """With TLS the server's certificate has to be one that is trusted, for the name it goes by."""
    certificate, key = make_certificate(tmp_path)
    server = one_server(tmp_path / "nats")
    server.launch(
        server.config.text()
        + f'tls {{ cert_file: "{certificate}", key_file: "{key}", ca_file: "{certificate}", '
        "verify: true }\n"
    )
    try:
        server.wait_until_ready()
        token, port = server.config.token, server.config.port
        good = LinkOptions(
            (f"tls://{token}@localhost:{port}",), ca=certificate, certificate=certificate, key=key
        )
        async with Link(good) as link:
            await link.wait_up(WAIT_S)
            await link.request("$JS.API.INFO", b"", WAIT_S)
        for bad in (
            replace(good, ca=None, certificate=None),
            replace(good, certificate=None),
            replace(good, servers=(f"tls://{token}@127.0.0.1:{port}",)),
        ):
            async with Link(bad) as link:
                with pytest.raises(StreamError):
                    await link.wait_up(1.0)
    finally:
        server.dispose()


async def test_it_is_closed_while_it_connects() -> None:
    """CLU-6: at whatever moment, though the library may swallow that it was cancelled."""

    def drop(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    peer = await asyncio.start_server(drop, "127.0.0.1", 0)
    async with peer:
        port = peer.sockets[0].getsockname()[1]
        moments = random.Random(1)
        for _ in range(60):
            link = Link(LinkOptions((f"nats://127.0.0.1:{port}",)))
            await asyncio.sleep(moments.uniform(0, 0.01))
            async with asyncio.timeout(10):
                await link.close()
