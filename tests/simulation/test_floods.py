"""What comes in a flood, or meets a line that is full, played move by move."""

from protocol.codec import encode
from protocol.messages import (
    NEW_SESSION,
    SERVER_FRAME_MAX_BYTES,
    VERSION,
    CursorMove,
    Hello,
    Pixel,
    Presence,
    PresenceSet,
    Rect,
    Stroke,
    Viewport,
)
from server.line import FRAME_BYTES
from tests.simulation.settings import SETTINGS
from tests.simulation.table import Table

WHOLE = Viewport(0, 0, 0, 99, 99)
HELLO = Hello(VERSION, NEW_SESSION, "")


def test_what_one_flush_has_for_a_session_goes_out_in_frames_of_the_allowed_size() -> None:
    """However much was drawn since the last one, and in its order (WIRE-7, FAN-3)."""
    table = Table()
    painter, notepad = table.join()
    table.say(painter, HELLO, WHOLE)
    strokes = [Stroke(1, n, 0, 0, ((n, n),) * 4096) for n in range(24)]
    for stroke in strokes:
        painter.receive(encode(stroke))
    table.time.run(table.time.now + 0.5)
    assert [sent for sent in notepad.messages if isinstance(sent, Stroke)] == strokes
    assert FRAME_BYTES // 2 < notepad.largest < 2 * FRAME_BYTES <= SERVER_FRAME_MAX_BYTES


def test_many_small_frames_have_no_more_of_a_turn_than_a_large_one() -> None:
    """The loop turns after a few milliseconds, whatever they come in (SES-8)."""
    table = Table(tick_s=0.0005)
    painter, _ = table.join()
    table.say(painter, HELLO)
    before = table.hub.seq
    for n in range(40):
        painter.receive(encode(Rect(0, 0, 0, 9, 9, n, 0, 0)))
    assert table.hub.seq < before + 20
    assert not painter.idle
    table.time.run(table.time.now + 1)
    assert table.hub.seq == before + 40
    assert painter.idle


def test_a_viewport_is_not_held_up_by_drawing_for_a_line_that_is_full() -> None:
    """The drawing is dropped, its tiles are owed instead (FAN-8)."""
    table = Table()
    viewer, notepad = table.join()
    painter, _ = table.join()
    table.say(viewer, HELLO, Viewport(0, 0, 0, 63, 63))
    table.say(painter, HELLO)
    viewer.wake()  # it is due, so drawing waits with what else there is for it
    painter.receive(encode(Pixel(5, 5, 1, 2, 3)))
    viewer.receive(encode(WHOLE))
    viewer.outbox.drawing.append(encode(Pixel(5, 5, 9, 9, 9)))
    notepad.unsent = 2 * SETTINGS.slow_reader_bytes
    viewer.filled()
    table.time.run(table.time.now + 0.2)
    assert viewer.view.number == 2
    assert not viewer.outbox.drawing
    assert len(viewer.view.stale) == 4
    notepad.unsent = 0
    viewer.drained()
    table.time.run(table.time.now + 0.5)
    assert not viewer.view.stale
    assert not [sent for sent in notepad.messages if isinstance(sent, Pixel)]


def test_a_flood_of_names_is_told_once_a_round() -> None:
    """Whoever hears of a client is told what it said last (AWR-2)."""
    table = Table()
    ada, notepad = table.join()
    hearer, hearers_notepad = table.join()
    table.say(ada, HELLO, WHOLE)
    table.say(hearer, HELLO, WHOLE)
    table.say(ada, CursorMove(5, 5, 0))
    hearers_notepad.messages.clear()
    for n in range(100):
        ada.receive(encode(PresenceSet(1, 2, 3, f"Ada {n}")))
    assert not hearer.outbox.presence  # a thousand may hear of Ada: not at each of her words
    table.time.run(table.time.now + 0.2)
    told = [sent for sent in hearers_notepad.messages if isinstance(sent, Presence)]
    assert told == [Presence(notepad.welcome.client, 0, 1, 2, 3, "Ada 99")]
