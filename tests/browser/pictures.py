"""Pictures as arrays: screenshots, the server's PNGs, and where the canvas lies in a screenshot."""

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from tests.process import ServerProcess

Picture = npt.NDArray[np.uint8]
"""(height, width, 3) RGB."""

Box = tuple[int, int, int, int]
"""x0, y0, x1, y1 in canvas pixels, both corners included."""


def from_png(content: bytes) -> Picture:
    """The pixels of a PNG."""
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"))


def to_png(picture: Picture) -> bytes:
    """A PNG of the pixels."""
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "PNG")
    return content.getvalue()


def region(server: ServerProcess, canvas: str, box: Box, scale: str = "1") -> Picture:
    """The server's picture of a rectangle of a canvas."""
    x0, y0, x1, y1 = box
    query = f"x0={x0}&y0={y0}&x1={x1}&y1={y1}&scale={scale}"
    return from_png(server.get(f"/c/{canvas}/region.png?{query}"))


def enlarged(picture: Picture, times: int) -> Picture:
    """Each pixel as a square of so many."""
    return picture.repeat(times, axis=0).repeat(times, axis=1)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a canvas lies on the screen: `scale` device pixels for each of its pixels."""

    camera: tuple[float, float]
    screen: tuple[int, int]
    """In device pixels."""
    scale: float

    def crop(self, shot: Picture, box: Box) -> Picture:
        """The part of a screenshot that shows a rectangle of the canvas."""
        left, top = (
            round(half / 2 - at * self.scale)
            for half, at in zip(self.screen, self.camera, strict=True)
        )
        x0, y0 = round(left + box[0] * self.scale), round(top + box[1] * self.scale)
        x1, y1 = round(left + (box[2] + 1) * self.scale), round(top + (box[3] + 1) * self.scale)
        height, width, _ = shot.shape
        assert 0 <= x0 < x1 <= width, "the rectangle is on the screen"
        assert 0 <= y0 < y1 <= height, "the rectangle is on the screen"
        return shot[y0:y1, x0:x1]


def assert_same(shown: Picture, wanted: Picture) -> None:
    """Hold two pictures to be the same, pixel by pixel."""
    assert shown.shape == wanted.shape
    differs = (shown != wanted).any(axis=2)
    if differs.any():
        y, x = (int(at) for at in np.argwhere(differs)[0])
        raise AssertionError(
            f"{int(differs.sum())} of {differs.size} pixels differ, the first at {x}, {y}: "
            f"{shown[y, x].tolist()} is shown for {wanted[y, x].tolist()}"
        )


def noise(width: int, height: int, seed: int) -> Picture:
    """A picture in which no two neighbours are alike, so that a shift by one pixel is seen."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
