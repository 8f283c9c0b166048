"""The outbox: numbers, serials, bounds, and what a resume or a lost session does to it."""

import pytest

from client.errors import OutboxFull
from client.events import Acked, Rejected
from client.outbox import Outbox
from protocol.codec import decode
from protocol.errors import ProtocolError
from protocol.messages import Patch, Pixel
from protocol.types import Sender


def pixel(n: int) -> Pixel:
    """The n-th message."""
    return Pixel(n, 0, 0, 0, 0)


def filled(count: int, **bounds: int) -> Outbox:
    """An outbox with messages 1 to ``count``, none sent."""
    outbox = Outbox(**bounds)
    for n in range(1, count + 1):
        assert outbox.add(pixel(n)) == n
    return outbox


def send(outbox: Outbox, most: int = 1000) -> list[int]:
    """The messages that go out now."""
    sent: list[int] = []
    while len(sent) < most and (data := outbox.take(1 << 16)) is not None:
        (message,) = decode(data, Sender.CLIENT)
        assert isinstance(message, Pixel)
        sent.append(message.x)
    return sent


def test_messages_go_out_in_order_and_leave_when_durable() -> None:
    """`handled` alone drops nothing."""
    outbox = filled(3)
    assert send(outbox) == [1, 2, 3]
    assert outbox.acknowledge(2, 0, 9) == Acked(2, 0, 9)
    assert len(outbox) == 3
    assert outbox.acknowledge(3, 2, 9) == Acked(3, 2, 9)
    assert outbox.work == ((3, pixel(3)),)


@pytest.mark.parametrize(("handled", "durable"), [(3, 0), (1, 2)])
def test_an_impossible_ack_breaks_the_protocol(handled: int, durable: int) -> None:
    """It counts what was not sent, or calls durable what isn't handled."""
    outbox = filled(5)
    send(outbox, 2)
    with pytest.raises(ProtocolError):
        outbox.acknowledge(handled, durable, 0)


def test_a_reject_is_reported_once() -> None:
    """It keeps its number, but is no work any more."""
    outbox = filled(3)
    send(outbox)
    assert outbox.reject(2, 3, 50) == Rejected(2, pixel(2), 3, 50)
    assert outbox.reject(2, 3, 50) is None
    assert outbox.work == ((1, pixel(1)), (3, pixel(3)))
    assert outbox.acknowledge(3, 3, 1) == Acked(3, 3, 1)
    assert outbox.reject(2, 3, 50) is None
    with pytest.raises(ProtocolError):
        outbox.reject(4, 3, 50)


def test_resume_sends_the_rest_again_from_handled_plus_one() -> None:
    """What WELCOME.handled covers is durable; what was in flight goes before the rest."""
    outbox = filled(5)
    send(outbox, 4)
    assert outbox.resume(2, (), 7) == [Acked(2, 2, 7)]
    assert send(outbox) == [3, 4, 5]
    assert outbox.acknowledge(5, 5, 8) == Acked(5, 5, 8)
    assert not len(outbox)


def test_what_was_refused_is_settled_though_the_server_forgot_it() -> None:
    """After a crash nothing more comes for it: whoever waits for its serial would wait for ever."""
    outbox = filled(4)
    send(outbox)
    for n in (2, 4):
        outbox.reject(n, 6, 0)
    outbox.acknowledge(4, 0, 9)
    assert outbox.resume(1, (), 7) == [Acked(4, 2, 7)]
    assert send(outbox) == [3]
    outbox.acknowledge(2, 0, 8)
    assert outbox.resume(2, (), 8) == [Acked(4, 4, 8)]
    assert len(outbox) == 0


def test_resume_reports_rejections_that_were_missed() -> None:
    """The JSON's pairs name them, and those heard of before are not told twice."""
    outbox = filled(4)
    send(outbox)
    outbox.reject(1, 4, 0)
    events = outbox.resume(3, [(1, 4), (3, 9)], 7)
    assert events == [Rejected(3, pixel(3), 9, 0), Acked(3, 3, 7)]
    assert send(outbox) == [4]


def test_a_rejection_that_the_server_forgot_is_left_out_and_numbers_shift() -> None:
    """A crash lost the count of 2 to 4; 3 was refused and isn't tried again; 4 is number 3 now."""
    outbox = filled(4)
    send(outbox)
    outbox.acknowledge(1, 1, 1)
    outbox.reject(3, 5, 0)
    assert outbox.resume(1, (), 1) == [Acked(1, 1, 1)]
    assert send(outbox) == [2, 4]
    assert outbox.reject(3, 8, 0) == Rejected(4, pixel(4), 8, 0)
    assert outbox.acknowledge(3, 3, 2) == Acked(4, 4, 2)


def test_a_count_that_was_set_back_numbers_from_there() -> None:
    """A restored backup knows less than was durable once: only what is still held can be sent."""
    outbox = filled(4)
    send(outbox)
    outbox.acknowledge(3, 3, 5)
    outbox.resume(1, (), 2)
    assert send(outbox) == [4]
    assert outbox.acknowledge(2, 2, 3) == Acked(4, 4, 3)


def test_resuming_twice_before_everything_was_sent_again() -> None:
    """Offered messages stay before new ones, whichever connection they were sent on."""
    outbox = filled(6)
    send(outbox, 4)
    outbox.resume(1, (), 1)
    assert send(outbox, 1) == [2]
    outbox.resume(2, (), 2)
    assert send(outbox) == [3, 4, 5, 6]
    assert outbox.acknowledge(6, 6, 3) == Acked(6, 6, 3)


def test_a_handled_beyond_what_was_sent_drops_nothing_unsent() -> None:
    """An earlier process of the same session may have drawn."""
    outbox = filled(2)
    outbox.resume(40, (), 3)
    assert send(outbox) == [1, 2]
    assert outbox.acknowledge(42, 41, 4) == Acked(2, 1, 4)


def test_a_lost_session_gives_back_what_was_offered() -> None:
    """The refused are left out; what never went out goes on under the new session."""
    outbox = filled(5)
    send(outbox, 3)
    outbox.acknowledge(1, 1, 1)
    outbox.reject(2, 3, 0)
    assert outbox.lose(0) == ((3, pixel(3)),)
    assert send(outbox) == [4, 5]
    assert outbox.acknowledge(2, 2, 2) == Acked(5, 5, 2)


def test_the_bounds() -> None:
    """Messages and bytes are bounded, and durable ones make room."""
    outbox = filled(3, max_unacked=3)
    with pytest.raises(OutboxFull):
        outbox.add(pixel(4))
    send(outbox)
    outbox.acknowledge(1, 1, 1)
    assert outbox.add(pixel(4)) == 4

    small = filled(2, outbox_max_bytes=20)
    with pytest.raises(OutboxFull):
        small.add(pixel(3))
    send(small)
    small.lose(0)
    assert small.add(pixel(3)) == 3


def test_what_no_frame_holds_is_refused_at_once() -> None:
    """Else it would stop everything behind it."""
    outbox = Outbox()
    with pytest.raises(ValueError, match="a frame holds"):
        outbox.add(Patch(0, 0, 1, 1, bytes(70_000)))
    with pytest.raises(ValueError, match="Pixel"):
        outbox.add(Pixel(70_000, 0, 0, 0, 0))
    assert outbox.last_serial == 0
    outbox.add(Patch(0, 0, 1, 1, bytes(64 * 1024 - 13)))
    assert outbox.take(100) is None
    assert outbox.take(64 * 1024) is not None
