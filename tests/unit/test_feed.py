"""The order in which one flush delivers (FAN-3)."""

from hypothesis import given
from hypothesis import strategies as st

from server.feed import Feed
from server.line import pack

messages = st.lists(
    st.tuples(st.sets(st.integers(0, 4), max_size=3), st.integers(1, 40_000)), max_size=30
)


@given(messages)
def test_messages_that_share_a_tile_keep_their_order(drawn: list[tuple[set[int], int]]) -> None:
    """FAN-3: whoever is live on a tile gets each of its messages once, in order."""
    feed = Feed()
    sizes = []
    for number, (tiles, size) in enumerate(drawn):
        data = bytes((number,)) * size
        sizes.append(size)
        feed.add(sorted(tiles), data)
    pieces = list(feed.take())
    assert not feed
    for tile in range(5):
        got = b"".join(data for tiles, data in pieces if tile in tiles)
        expected = b"".join(
            bytes((number,)) * size for number, (tiles, size) in enumerate(drawn) if tile in tiles
        )
        assert got == expected


@given(st.lists(st.integers(1, 200_000), max_size=20))
def test_frames_hold_whole_messages(sizes: list[int]) -> None:
    """WIRE-7: at most 256 KiB a frame, all messages, in order."""
    sent = [bytes((number,)) * size for number, size in enumerate(sizes)]
    frames = pack(sent)
    assert b"".join(frames) == b"".join(sent)
    assert all(0 < len(frame) <= 256 * 1024 for frame in frames)
    ends = {sum(sizes[: count + 1]) for count in range(len(sizes))}
    at = 0
    for frame in frames:
        at += len(frame)
        assert at in ends
