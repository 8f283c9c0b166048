"""Whose address a connection comes from."""

from ipaddress import ip_network

import pytest
from starlette.types import Scope

from server.address import client_address, hash_address

TRUSTED = tuple(map(ip_network, ("127.0.0.0/8", "10.0.0.0/8", "fd00::/8")))


def scope(peer: str | None, *forwarded: str) -> Scope:
    """A connection from ``peer`` with these ``X-Forwarded-For`` headers."""
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    return {"type": "http", "client": peer and (peer, 1234), "headers": headers}


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.9", (), "203.0.113.9"),
        ("203.0.113.9", ("198.51.100.1",), "203.0.113.9"),
        ("127.0.0.1", (), "127.0.0.1"),
        ("127.0.0.1", ("198.51.100.1",), "198.51.100.1"),
        ("127.0.0.1", ("192.0.2.66, 198.51.100.1",), "198.51.100.1"),
        ("127.0.0.1", ("192.0.2.66", "198.51.100.1, 10.1.2.3"), "198.51.100.1"),
        ("127.0.0.1", ("10.9.9.9",), "10.9.9.9"),
        ("127.0.0.1", ("192.0.2.66, , 10.1.2.3",), "10.1.2.3"),
        ("127.0.0.1", ("unknown",), "127.0.0.1"),
        ("127.0.0.1", ("\xff\x1b[2J" * 1000,), "127.0.0.1"),
        ("127.0.0.1", ("," * 60_000,), "127.0.0.1"),
        ("127.0.0.1", ("198.51.100.1:443",), "198.51.100.1"),
        ("fd00::1", ("[2001:db8:1:2::9]:443",), "2001:db8:1:2::/64"),
        ("fd00::1", ("[2001:db8:1:2::9]",), "2001:db8:1:2::/64"),
        ("2001:db8:1:2:3:4:5:6", (), "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", (), "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", (), "2001:db8:1:3::/64"),
        ("::ffff:203.0.113.9", (), "203.0.113.9"),
        ("::ffff:127.0.0.1", ("::ffff:198.51.100.1",), "198.51.100.1"),
        ("fe80::1%eth0", (), "fe80::/64"),
        ("not an address", (), "unknown"),
        (None, ("198.51.100.1",), "unknown"),
    ],
)
def test_addresses(peer: str | None, forwarded: tuple[str, ...], address: str) -> None:
    """SES-7: an IPv6 /64 is one; what a header says counts as far as trusted proxies wrote it."""
    assert client_address(scope(peer, *forwarded), TRUSTED) == address


def test_without_trusted_proxies_a_header_says_nothing() -> None:
    """SES-7: not even this machine is believed."""
    assert client_address(scope("127.0.0.1", "198.51.100.1"), ()) == "127.0.0.1"


def test_a_hash_depends_on_the_salt() -> None:
    """SES-7: equal for equal addresses, and not to be looked up by who lacks the salt."""
    assert hash_address("192.0.2.1", b"a") == hash_address("192.0.2.1", b"a")
    assert hash_address("192.0.2.1", b"a") != hash_address("192.0.2.1", b"b")
    assert hash_address("192.0.2.1", b"a") != hash_address("192.0.2.2", b"a")
