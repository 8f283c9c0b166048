"""What overtakes what is under way between two nodes, played move by move."""

from protocol.codec import encode
from protocol.errors import CloseCode
from protocol.messages import NEW_SESSION, VERSION, Hello, Pixel
from protocol.session import State
from tests.simulation.pair import Pair


def test_the_connection_that_was_made_last_keeps_the_session() -> None:
    """The older one, to another node, is fenced even if its HELLO comes after (CLU-72).

    Its client has given it up: to close the newer one with 4409 would end the client for good.
    """
    pair = Pair()
    first, notepad = pair.join(0)
    pair.say(first, Hello(VERSION, NEW_SESSION, ""))
    session = notepad.welcome.session
    older, late = pair.join(0)
    newer, newest = pair.join(1)
    pair.say(newer, Hello(VERSION, session, ""))
    pair.say(older, Hello(VERSION, session, ""))
    assert newer.state is State.OPEN
    assert newest.closed is None
    assert first.state is older.state is State.CLOSED
    assert notepad.closed == CloseCode.TAKEN_OVER
    assert late.closed == CloseCode.TRY_LATER


def test_who_was_overtaken_by_chance_comes_back_and_has_it() -> None:
    """The newer connection's HELLO may be the later one too, and still be refused once (CLU-72)."""
    pair = Pair()
    first, notepad = pair.join(0)
    pair.say(first, Hello(VERSION, NEW_SESSION, ""))
    session = notepad.welcome.session
    older, fenced = pair.join(0)
    newer, refused = pair.join(1)
    pair.say(older, Hello(VERSION, session, ""))
    pair.say(newer, Hello(VERSION, session, ""))
    assert older.state is State.OPEN
    assert refused.closed == CloseCode.TRY_LATER
    again, _ = pair.join(1)
    pair.say(again, Hello(VERSION, session, ""))
    assert again.state is State.OPEN
    assert fenced.closed == CloseCode.TAKEN_OVER


def test_drawing_that_was_not_offered_yet_is_void_with_its_claim() -> None:
    """Also where the session's next connection is to the same node, and draws at once (ONCE-2)."""
    pair = Pair()
    hub = pair.hub(0)
    older, notepad = pair.join(0)
    pair.say(older, Hello(VERSION, NEW_SESSION, ""))
    session = notepad.welcome.session
    newer, newest = pair.join(0)
    newer.receive(encode(Hello(VERSION, session, "")))
    hub.fanout._next_flush = pair.world.time.now + 0.4  # the server is busy
    older.receive(encode(Pixel(1, 1, 9, 9, 9)))
    pair.pass_time(0.3)
    assert older.state is State.CLOSED
    assert newest.welcome.handled == 0
    newer.receive(encode(Pixel(2, 2, 8, 8, 8)))
    pair.pass_time()
    drawn = pair.world.truth.drawn_by[session]
    assert drawn == [encode(Pixel(2, 2, 8, 8, 8))]
    assert newer.identity is not None
    assert newer.identity.handled == newer.identity.durable == 1
    pair.world.verdict.settle()


def test_who_went_while_its_last_drawing_was_void_is_forgotten_like_anybody() -> None:
    """LIM-12: a node keeps nothing of a session that drew, unseen, while it moved to another."""
    pair = Pair()
    older, notepad = pair.join(0)
    pair.say(older, Hello(VERSION, NEW_SESSION, ""))
    newer, newest = pair.join(1)
    newer.receive(encode(Hello(VERSION, notepad.welcome.session, "")))
    older.receive(encode(Pixel(1, 1, 9, 9, 9)))
    pair.pass_time()
    assert newest.welcome.handled == 0
    hub = pair.hub(0)
    reception = hub._reception
    identity = reception.identities.get(notepad.welcome.session)
    assert identity is not None
    assert (identity.handled, identity.durable) == (0, 1)  # nothing more comes of it
    reception.sweep(pair.world.time.now + 2 * 3600)
    assert hub.identities == 0
    pair.world.verdict.settle()
