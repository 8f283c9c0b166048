"""The ordered log that is a canvas's truth, behind one interface (:mod:`tiles.log.base`)."""
