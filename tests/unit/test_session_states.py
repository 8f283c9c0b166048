"""The connection's states over the whole product of states and inputs (SES-1)."""

import itertools

import pytest

from protocol.errors import CloseCode, ProtocolError
from protocol.messages import TABLE, Hello
from protocol.session import TRANSITIONS, Event, Input, State, advance
from protocol.types import Sender

CLIENT_MESSAGES = [layout.message for layout in TABLE if Sender.CLIENT in layout.sender]
INPUTS: list[Input] = [*CLIENT_MESSAGES, *Event]


@pytest.mark.parametrize(("state", "event"), [*itertools.product(State, INPUTS)])
def test_every_state_answers_every_input(state: State, event: Input) -> None:
    """SES-1: HELLO opens, the rest needs an open session, and all else is out of turn."""
    if event is Event.ENDED:
        expected: State | None = State.CLOSED
    elif event is Event.WELCOMED:
        expected = State.OPEN if state is State.RESUMING else None
    elif event is Hello:
        expected = State.RESUMING if state is State.AWAITING_HELLO else None
    else:
        expected = State.OPEN if state is State.OPEN else None
    assert TRANSITIONS.get((state, event)) is expected
    if expected is not None:
        assert advance(state, event) is expected
        return
    with pytest.raises(ProtocolError) as raised:
        advance(state, event)
    assert raised.value.close_code is CloseCode.MALFORMED


def test_the_table_names_every_message_that_a_client_may_send() -> None:
    """SES-1: a new message can't be forgotten here."""
    named = {event for _, event in TRANSITIONS if not isinstance(event, Event)}
    assert named == set(CLIENT_MESSAGES)
