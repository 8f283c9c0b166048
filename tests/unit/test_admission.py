"""The rules of drawing (RAS rules)."""

from dataclasses import replace

from protocol.errors import RejectCode
from protocol.messages import Drawing, Patch, Pixel, Rect
from server.admission import Admission
from server.allowance import Allowance
from server.bucket import Bucket, Rate
from server.roles import Role
from tiles.deflate import deflate
from tiles.log.base import CanvasInfo
from tiles.raster import DrawError, DrawLimits, rasterise

INFO = CanvasInfo(100, 100)
PIXEL = Pixel(1, 2, 3, 4, 5)
FREE = Allowance(Bucket(Rate(0, 0), 0), Bucket(Rate(0, 0), 0))


def refusal(
    message: Drawing, info: CanvasInfo = INFO, role: Role = Role.PAINTER, read_only: bool = False
) -> RejectCode | None:
    """The code that a message is rejected with."""
    admission = Admission(info, DrawLimits())
    try:
        admission.admit(message, role, read_only, FREE, 0)
        admission.admit_paints(message, rasterise(message, info.width, info.height))
    except DrawError as error:
        return error.code
    return None


def test_roles_and_state_of_the_canvas() -> None:
    """RAS-5: a frozen canvas, a viewer's role and storage in trouble; what is wrong comes first."""
    frozen = replace(INFO, frozen=True)
    assert refusal(PIXEL) is None
    assert refusal(PIXEL, role=Role.VIEWER) is RejectCode.NOT_ALLOWED
    assert refusal(PIXEL, frozen) is RejectCode.NOT_ALLOWED
    assert refusal(PIXEL, frozen, Role.MODERATOR) is None
    assert refusal(PIXEL, read_only=True) is RejectCode.READ_ONLY
    assert refusal(Pixel(100, 0, 0, 0, 0), frozen) is RejectCode.OUT_OF_BOUNDS


def test_palette() -> None:
    """RAS-5: a colour that the canvas doesn't have, also inside a PATCH."""
    info = replace(INFO, palette=((3, 4, 5), (255, 0, 0)))

    def patch(*pixels: tuple[int, int, int, int]) -> Patch:
        return Patch(0, 0, len(pixels) - 1, 0, deflate(b"".join(map(bytes, pixels))))

    assert refusal(PIXEL, info) is None
    assert refusal(replace(PIXEL, b=6), info) is RejectCode.NOT_IN_PALETTE
    assert refusal(Rect(0, 0, 0, 1, 1, 0, 0, 0), info) is RejectCode.NOT_IN_PALETTE
    assert refusal(patch((3, 4, 5, 255), (255, 0, 0, 255)), info) is None
    assert refusal(patch((3, 4, 5, 255), (254, 0, 0, 0)), info) is None
    assert refusal(patch((3, 4, 5, 255), (254, 0, 0, 255)), info) is RejectCode.NOT_IN_PALETTE
