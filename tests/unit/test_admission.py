"""Budgets and the rules of drawing (RAS rules)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import RejectCode
from protocol.messages import NO_LIMIT, Drawing, Patch, Pixel, Rect
from server.admission import Admission, Bucket, OverBudget, Rate
from server.roles import Role
from tiles.deflate import deflate
from tiles.log.base import CanvasInfo
from tiles.raster import DrawError, DrawLimits, rasterise

INFO = CanvasInfo(100, 100)
PIXEL = Pixel(1, 2, 3, 4, 5)
FREE = Rate(0, 0)


def refusal(
    message: Drawing, info: CanvasInfo = INFO, role: Role = Role.PAINTER, read_only: bool = False
) -> RejectCode | None:
    """The code that a message is rejected with."""
    admission = Admission(info, DrawLimits())
    try:
        admission.admit(message, role, read_only, Bucket(FREE, 0), 0)
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


def shortage(bucket: Bucket, pixels: int, now: float) -> OverBudget | None:
    """Why so many pixels can't be had now, if so."""
    try:
        bucket.require(pixels, now)
    except OverBudget as over:
        return over
    return None


@given(
    st.integers(1, 1000),
    st.integers(1, 1000),
    st.lists(st.tuples(st.integers(1, 1200), st.floats(0, 3)), max_size=30),
)
def test_a_bucket_never_gives_more_than_burst_and_refill(
    burst: int, refill: int, asked: list[tuple[int, float]]
) -> None:
    """RAS-6: and what it asks to wait for is enough."""
    bucket = Bucket(Rate(burst, refill), 0)
    now = 0.0
    taken = 0
    for pixels, pause in asked:
        now += pause
        over = shortage(bucket, pixels, now)
        if over is not None:
            assert over.code is RejectCode.RATE
            assert (over.retry_ms == 0) == (pixels > burst)
            if over.retry_ms:
                bucket.require(pixels, now + over.retry_ms / 1000 + 1e-6)
            continue
        bucket.take(pixels, now)
        taken += pixels
        assert taken <= burst + refill * now + 1e-6
        budget = bucket.budget(now)
        assert 0 <= budget.pixels <= burst
        assert bucket.budget(now + budget.refill_ms / 1000 + 1e-6).pixels == burst


def test_a_bucket_without_limit() -> None:
    """RAS-6: 0 means no limit, for the burst as for the refill."""
    for rate in (FREE, Rate(0, 5), Rate(5, 0)):
        bucket = Bucket(rate, 0)
        bucket.require(10**9, 0)
        bucket.take(10**9, 0)
        assert bucket.budget(0).pixels == NO_LIMIT


def test_a_clock_that_is_asked_late_loses_nothing() -> None:
    """RAS-6: a time just before the last one gives no negative refill."""
    bucket = Bucket(Rate(10, 10), 5.0)
    bucket.take(10, 5.0)
    with pytest.raises(OverBudget):
        bucket.require(1, 4.0)
    bucket.require(10, 6.0)
