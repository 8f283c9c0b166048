"""What every log promises of tile checkpoints."""

import threading

from tests.log_rigs import WAIT_S, Rig
from tiles.log.base import SavedTile


def test_checkpoints_replace_tiles_and_say_when_they_are_whole(rig: Rig) -> None:
    """The newest content of a tile stands; the pass counts with its last piece alone."""
    log, _, recorder = rig.opened()
    drawing = rig.drawing(log)
    log.append(drawing.commit(9))
    rig.in_order(recorder, 9)
    log.checkpoint([SavedTile(3, 4, b"old"), SavedTile(1, 4, b"one")], None)
    log.checkpoint([SavedTile(3, 9, b"new")], None)
    assert log.close(WAIT_S)
    log, recovered, _ = rig.opened()
    assert recovered.checkpoint_seq == 0
    assert list(log.tiles()) == [SavedTile(1, 4, b"one"), SavedTile(3, 9, b"new")]
    log.checkpoint([], 9)
    assert log.close(WAIT_S)
    assert rig.log().open().checkpoint_seq == 9


def test_saved_tiles_are_read_by_their_keys(rig: Rig) -> None:
    """REC-2: those that are asked for and have a checkpoint, in order, of whatever level."""
    log, _, recorder = rig.opened()
    log.append(rig.drawing(log).commit(6))
    rig.in_order(recorder, 6)
    assert log.saved([1, 2]) == []
    keys = [0, 1, 2, 7, 9, 10, 1 << 20, (1 << 20) + 1, 10 << 20]
    tiles = [SavedTile(key, 5, key.to_bytes(4, "big") * 100) for key in keys]
    written = threading.Event()
    log.checkpoint(tiles[::-1], None, written.set)
    assert written.wait(WAIT_S)
    assert log.saved(keys[::-1]) == tiles
    assert log.saved([8, 9, 1 << 20, 9, 5, 2]) == [tiles[2], tiles[4], tiles[6]]
    assert log.saved([]) == []
    log.checkpoint([SavedTile(9, 6, b"new")], None, written.set)
    log.close(WAIT_S)
    again = rig.log()
    again.open()
    assert again.saved([9]) == [SavedTile(9, 6, b"new")]


def test_written_tiles_can_be_read(rig: Rig) -> None:
    """TILE-3: once it is said that tiles are written, what is read is no older."""
    log, _, recorder = rig.opened()
    drawing = rig.drawing(log)
    for turn in range(1, 30):
        log.append(drawing.commit(1))
        rig.in_order(recorder, turn)
        tiles = [SavedTile(key, turn, bytes([turn]) * 700) for key in range(90)]
        written = threading.Event()
        log.checkpoint(tiles, turn, written.set)
        assert written.wait(WAIT_S)
        assert log.saved(range(90)) == tiles
    assert recorder.troubles == []


def test_many_tiles(rig: Rig) -> None:
    """A pass of thousands of tiles, with commits going on meanwhile."""
    log, _, recorder = rig.opened()
    drawing = rig.drawing(log)
    log.append(drawing.commit(1))
    rig.in_order(recorder, 1)
    tiles = [SavedTile(key, 1, key.to_bytes(4, "big") * 200) for key in range(2000)]
    log.checkpoint(tiles[::-1], 1)
    for _ in range(20):
        log.append(drawing.commit(1))
    recorder.wait_durable(21)
    assert log.close(WAIT_S)
    log, recovered, _ = rig.opened()
    assert (recovered.checkpoint_seq, recovered.seq) == (1, 21)
    assert list(log.tiles()) == tiles
