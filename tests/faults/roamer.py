"""An artist who draws everywhere on a larger canvas, so that its tiles come and go."""

from protocol.messages import Drawing, Pixel, Rect
from tests.faults.artist import Artist

CANVAS_SIDE = 768
_SQUARE = 20


class Roamer(Artist):
    """See :class:`tests.faults.artist.Artist`."""

    def _next(self) -> Drawing:
        serial = len(self.drawn) + 1
        colour = self.signature.colour(self.number, serial)
        random_ = self._random
        x = random_.randrange(CANVAS_SIDE - _SQUARE)
        y = random_.randrange(CANVAS_SIDE - _SQUARE)
        kind = random_.random()
        if kind < 0.02:
            self.refusals_due.add(serial)
            return Pixel(CANVAS_SIDE + serial % 100, y, *colour)
        if kind < 0.3:
            return Rect(1, x, y, x + _SQUARE, y + _SQUARE, *colour)
        return Pixel(x, y, *colour)
