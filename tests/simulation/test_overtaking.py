"""What overtakes what is under way: rare in the simulation, so played here move by move."""

from protocol.errors import CloseCode
from protocol.messages import NEW_SESSION, VERSION, Follow, Hello, PresenceSet, Seen, Viewport
from protocol.session import State
from tests.simulation.settings import SETTINGS
from tests.simulation.table import Table


def test_the_connection_that_was_made_last_keeps_the_session() -> None:
    """The older one is fenced even if its HELLO comes after the newer one's (ONCE-2).

    Its client has given it up and dialled again: closing the newer one with 4409 would end the
    client for good, as after 4409 it doesn't come back.
    """
    table = Table()
    session, first = table.join()
    table.say(session, Hello(VERSION, NEW_SESSION, ""))
    older, late = table.join()
    newer, newest = table.join()
    table.say(newer, Hello(VERSION, first.welcome.session, ""))
    table.say(older, Hello(VERSION, first.welcome.session, ""))
    assert newer.state is State.OPEN
    assert newest.closed is None
    assert (first.closed, late.closed) == (CloseCode.TAKEN_OVER, CloseCode.TAKEN_OVER)
    assert table.hub.sessions == {newer}


def test_who_forbids_it_is_not_shown_any_more() -> None:
    """A SEEN that waits for a slow line is dropped when its subject becomes anonymous (AWR-4)."""
    table = Table()
    ada, notepad = table.join()
    table.say(ada, Hello(VERSION, NEW_SESSION, ""), PresenceSet(1, 2, 3, "Ada"))
    follower, followers_notepad = table.join()
    table.say(follower, Hello(VERSION, NEW_SESSION, ""))
    followers_notepad.unsent = 2 * SETTINGS.slow_reader_bytes
    follower.filled()
    table.say(follower, Viewport(0, 0, 0, 9, 9), Follow(notepad.welcome.client))
    assert follower.outbox.behind
    table.say(ada, Viewport(0, 50, 50, 59, 59))
    table.say(ada, PresenceSet(1, 2, 3, ""))
    followers_notepad.unsent = 0
    follower.drained()
    table.time.run(table.time.now + 0.2)
    assert not [sent for sent in followers_notepad.messages if isinstance(sent, Seen)]
