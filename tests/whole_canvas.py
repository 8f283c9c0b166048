"""A canvas with all its tiles in memory, as a start followed by looking everywhere makes it."""

from tiles.log.base import Log, Recovered
from tiles.pyramid import Pyramid
from tiles.recovery import recover


def whole_canvas(log: Log, recovered: Recovered) -> Pyramid:
    """What an open log stands for, at every level; it is a canvas of one's own."""
    pyramid = recover(log, recovered)
    residents = pyramid.residents
    if residents.stored:
        for saved in log.tiles():
            residents.install(saved.key, saved)
        for tile in list(residents.overlays):
            residents.install(tile, None)
        residents.stored = False
    return pyramid
