"""Who owes the answer to a ping, and is there all the same."""

from server.heartbeat import Heartbeat


def test_a_ping_that_comes_nearer() -> None:
    """SES-14: as long as what was written before it is taken, and no longer."""
    heartbeat = Heartbeat()
    heartbeat.asked(written=1000, unsent=600)
    assert heartbeat.gets_on(written=5000, unsent=4500)
    assert not heartbeat.gets_on(written=6000, unsent=5500)
    assert heartbeat.gets_on(written=6000, unsent=4000)
    assert not heartbeat.gets_on(written=6000, unsent=100), "its system goes on taking"


def test_a_peer_that_hangs() -> None:
    """SES-6: what its system takes after the ping is no sign of it."""
    heartbeat = Heartbeat()
    heartbeat.asked(written=1000, unsent=0)
    assert not heartbeat.gets_on(written=9000, unsent=0)


def test_a_peer_that_is_heard() -> None:
    """SES-14: bytes that came since the ping, or since it was last asked."""
    heartbeat = Heartbeat()
    heartbeat.heard = True
    heartbeat.asked(written=0, unsent=0)
    assert not heartbeat.gets_on(written=0, unsent=0)
    heartbeat.heard = True
    assert heartbeat.gets_on(written=0, unsent=0)
    assert not heartbeat.gets_on(written=0, unsent=0)
