"""A picture as the first drawing of a new canvas: PATCH messages in its log, like anybody's."""

import io
import secrets
import threading
import time
from collections.abc import Iterator

import numpy as np
from PIL import Image, UnidentifiedImageError

from protocol.codec import encode
from protocol.messages import SESSION_BYTES, Patch
from server.admission import pack_colours
from server.setting_types import Colour
from tiles.deflate import deflate
from tiles.log.base import Author, Batch, CanvasInfo, Commit, Log, LogError

IMAGE_MAX_BYTES = 64 * 1024 * 1024
IMAGE_MAX_PIXELS = 64 * 1024 * 1024
AUTHOR = "import"

_PATCH_SIDE = 256
_OPAQUE_FROM = 128
_WINDOW_COMMITS = 32
_DURABLE_TIMEOUT_S = 30.0
_CLOSE_TIMEOUT_S = 30.0


class ImageError(Exception):
    """The picture can't become this canvas; the text says why."""


class Picture:
    """A decoded image. Transparency below one half leaves the background; the rest is opaque."""

    def __init__(self, content: bytes) -> None:
        """Decode an image file of any format that Pillow reads. Raises :class:`ImageError`."""
        if len(content) > IMAGE_MAX_BYTES:
            raise ImageError(f"the image file is over {IMAGE_MAX_BYTES >> 20} MiB")
        try:
            with Image.open(io.BytesIO(content)) as image:
                self.width, self.height = image.size
                if self.width * self.height > IMAGE_MAX_PIXELS:
                    raise ImageError(
                        f"the image has {self.width} × {self.height} pixels, "
                        f"at most {IMAGE_MAX_PIXELS:,} are taken"
                    )
                self._rgba = np.asarray(image.convert("RGBA"))
        except (UnidentifiedImageError, Image.DecompressionBombError):
            raise ImageError("the file is no image that can be read") from None
        except (OSError, ValueError, SyntaxError) as error:
            raise ImageError(f"the image is damaged: {error}") from None

    def check(self, info: CanvasInfo) -> None:
        """Raise :class:`ImageError` unless the picture fits the canvas and its palette."""
        if self.width > info.width or self.height > info.height:
            raise ImageError(
                f"the image ({self.width} × {self.height}) is larger than the canvas "
                f"({info.width} × {info.height})"
            )
        if info.palette is None:
            return
        palette = pack_colours(np.array(info.palette, np.uint8))
        for top in range(0, self.height, _PATCH_SIDE):
            rows = self._rgba[top : top + _PATCH_SIDE]
            shown = rows[rows[..., 3] >= _OPAQUE_FROM]
            if not np.isin(pack_colours(shown[:, :3]), palette).all():
                raise ImageError("the image has colours that are not in the palette")

    def patches(self, background: Colour) -> Iterator[Patch]:
        """PATCH messages that draw it on a blank canvas, at the upper left corner."""
        for y0 in range(0, self.height, _PATCH_SIDE):
            for x0 in range(0, self.width, _PATCH_SIDE):
                part = self._rgba[y0 : y0 + _PATCH_SIDE, x0 : x0 + _PATCH_SIDE]
                painted = (part[..., 3] >= _OPAQUE_FROM) & (part[..., :3] != background).any(axis=2)
                if painted.any():
                    pixels = np.where(painted[..., None], part, 0)
                    pixels[..., 3] = np.where(painted, 255, 0)
                    height, width = painted.shape
                    yield Patch(x0, y0, x0 + width - 1, y0 + height - 1, deflate(pixels.data))


class _Progress:
    """The log's listener: lets :func:`draw_picture` wait for what it has queued."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._ticket = 0
        self._error: Exception | None = None

    def durable(self, ticket: int) -> None:
        with self._changed:
            self._ticket = ticket
            self._changed.notify()

    def trouble(self, error: Exception | None) -> None:
        with self._changed:
            self._error = error
            self._changed.notify()

    def wait(self, ticket: int) -> None:
        """Return once ``ticket`` is durable. Raises :class:`LogError`."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._ticket >= ticket or self._error is not None, _DURABLE_TIMEOUT_S
            )
            if self._ticket < ticket:
                raise LogError(f"the image could not be written: {self._error or 'no answer'}")


def draw_picture(log: Log, picture: Picture) -> None:
    """Open a new canvas's log, draw the picture in it, and close it. Raises :class:`LogError`."""
    recovered = log.open()
    progress = _Progress()
    log.start(progress)
    try:
        author = Author(secrets.token_bytes(SESSION_BYTES), AUTHOR)
        seq = recovered.seq
        for ticket, patch in enumerate(picture.patches(recovered.info.background), 1):
            seq += 1
            box = (patch.x0, patch.y0, patch.x1, patch.y1)
            now_ms = time.time_ns() // 1_000_000
            log.append(Commit(ticket, [Batch(seq, seq, author, now_ms, box, encode(patch))], []))
            progress.wait(ticket - _WINDOW_COMMITS)
        progress.wait(seq - recovered.seq)
    finally:
        clean = log.close(_CLOSE_TIMEOUT_S)
    if not clean:
        raise LogError("the image could not be written in time")
