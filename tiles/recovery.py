"""From a log to the canvas that it stands for: checkpoints first, then the tail of the log."""

from protocol.codec import decode
from protocol.messages import Drawing
from protocol.types import Sender
from tiles.canvas import Canvas
from tiles.geometry import CANVAS_TILES_MAX
from tiles.log.base import Batch, Log, Recovered
from tiles.raster import rasterise


def recover(log: Log, recovered: Recovered) -> tuple[Canvas, set[int]]:
    """The canvas at ``recovered.seq``, and the keys of its tiles that no checkpoint covers yet."""
    info = recovered.info
    canvas = Canvas(info.width, info.height, info.background)
    for saved in log.tiles():
        canvas.load(saved.key, saved.seq, saved.data)
    unsaved: set[int] = set()
    for batch in log.read(recovered.checkpoint_seq):
        unsaved.update(replay(canvas, batch))
    return canvas, unsaved


def replay(canvas: Canvas, batch: Batch) -> set[int]:
    """Paint one batch of the log; the keys of the tiles that it changed."""
    touched: set[int] = set()
    messages = decode(batch.messages, Sender.CLIENT)
    for seq, message in enumerate(messages, batch.first_seq):
        assert isinstance(message, Drawing), "the log holds drawing only"
        # What is in the log was within the limits of its day.
        paints = rasterise(message, canvas.width, canvas.height, max_tiles=CANVAS_TILES_MAX)
        touched.update(canvas.paint(paints, seq))
    return touched
