"""The sockets that servers listen on, alone and behind one port."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from server.listener import ListenError, listen, reserve, url_of

HOST = "127.0.0.1"


@pytest.fixture
def ends() -> Iterator[ExitStack]:
    """Closes sockets."""
    with ExitStack() as stack:
        yield stack


def port_of(one: socket.socket) -> int:
    """The port that a socket has."""
    port: int = one.getsockname()[1]
    return port


def test_those_who_share_a_reserved_port_get_all_connections(ends: ExitStack) -> None:
    """CLU-47: port 0 gives a free one; who reserved it gets none, since it doesn't listen."""
    port = port_of(ends.enter_context(reserve(HOST, 0)))
    shared = [ends.enter_context(listen(HOST, port, shared=True)) for _ in range(2)]
    came = [0, 0]
    for listener in shared:
        listener.setblocking(False)
    for _ in range(40):
        ends.enter_context(socket.create_connection((HOST, port), timeout=5))
        for at, listener in enumerate(shared):
            try:
                ends.enter_context(listener.accept()[0])
            except BlockingIOError:
                continue
            came[at] += 1
    assert sum(came) == 40
    assert min(came) > 0


def test_nobody_else_shares_a_port(ends: ExitStack) -> None:
    """CLU-47: neither a server by itself nor another one with workers, listening or not yet."""
    port = port_of(ends.enter_context(reserve(HOST, 0)))
    with pytest.raises(ListenError, match=f"can't listen on {HOST}:{port}: Address already in use"):
        reserve(HOST, port)
    with pytest.raises(ListenError, match="in use"):
        listen(HOST, port)
    ends.enter_context(listen(HOST, port, shared=True))
    with pytest.raises(ListenError, match="in use"):
        reserve(HOST, port)
    with pytest.raises(ListenError, match="in use"):
        listen(HOST, port)


def test_a_port_in_use_is_not_reserved(ends: ExitStack) -> None:
    """CLU-47: whether its user would share it or not."""
    alone = ends.enter_context(listen(HOST, 0))
    sharing = ends.enter_context(listen(HOST, 0, shared=True))
    for other in (alone, sharing):
        with pytest.raises(ListenError, match="in use"):
            reserve(HOST, port_of(other))


def test_a_port_is_had_again_at_once(ends: ExitStack) -> None:
    """CLU-43: what the last server's connections leave behind for a minute is no hindrance."""
    with reserve(HOST, 0) as held:
        port = port_of(held)
        with listen(HOST, port, shared=True) as listener:
            client = socket.create_connection((HOST, port))
            accepted, _ = listener.accept()
            accepted.close()  # the server's end closes first: it keeps the address for a while
            assert client.recv(1) == b""
            client.close()
    ends.enter_context(reserve(HOST, port))
    ends.enter_context(listen(HOST, port, shared=True))


def answers(host: str, port: int) -> bool:
    """Whether anybody takes connections there."""
    try:
        with socket.create_connection((host, port), timeout=5):
            return True
    except ConnectionRefusedError:
        return False


def test_all_addresses_are_those_of_ipv4_too(ends: ExitStack) -> None:
    """CLI-4: alone and behind a shared port, and for nobody else to have."""
    alone = port_of(ends.enter_context(listen("::", 0)))
    port = port_of(ends.enter_context(reserve("::", 0)))
    assert not answers("::1", port)
    ends.enter_context(listen("::", port, shared=True))
    for each in (alone, port):
        assert answers("::1", each)
        assert answers(HOST, each)
        for other in (HOST, "0.0.0.0", "::1", "::"):
            with pytest.raises(ListenError, match="in use"):
                listen(other, each)
            with pytest.raises(ListenError, match="in use"):
                reserve(other, each)


def test_one_address_is_no_other(ends: ExitStack) -> None:
    """CLI-4: `::1` and `0.0.0.0` are what they say."""
    assert not answers(HOST, port_of(ends.enter_context(listen("::1", 0))))
    assert not answers("::1", port_of(ends.enter_context(listen("0.0.0.0", 0))))


def test_a_system_without_both(ends: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """CLI-4: `::` is all addresses of IPv6 there."""
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    port = port_of(ends.enter_context(reserve("::", 0)))
    ends.enter_context(listen("::", port, shared=True))
    assert answers("::1", port)
    assert not answers(HOST, port)


def test_a_system_without_shared_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """CLU-47: it is said plainly."""
    monkeypatch.delattr(socket, "SO_REUSEPORT")
    with pytest.raises(ListenError, match="SO_REUSEPORT"):
        reserve(HOST, 0)


def test_addresses_as_browsers_take_them(ends: ExitStack) -> None:
    """CLI-1: also where the server listens on all of them."""
    for host, shown in (("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::1", "[::1]")):
        holder = ends.enter_context(reserve(host, 0))
        assert url_of(holder) == f"http://{shown}:{port_of(holder)}"
