"""The server's settings in a simulation: bounds so low that they are reached."""

from server.settings import Settings

SETTINGS = Settings(
    slow_reader_bytes=4_096,
    slow_reader_timeout_s=8.0,
    max_cursors=24,
    max_viewport_tiles=256,
    budget_pixels=150_000,
    budget_refill=6_000,
    budget_sessions_per_address=1,
    presence_interval_ms=500,
    checkpoint_interval_s=3.0,
    checkpoint_step_tiles=16,
)

BUDGETS_BYTES = (1 << 30, 1 << 20, 300_000)
"""Memory for everything, for a part of the canvas's tiles, and for hardly any of them."""
