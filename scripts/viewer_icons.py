"""Makes the viewer's PNG icons from `viewer/public/assets/icon.svg`.

python -m scripts.viewer_icons
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

_CHROMIUM = "/usr/bin/chromium"
ASSETS = Path(__file__).resolve().parent.parent / "viewer" / "public" / "assets"


@dataclass(frozen=True, slots=True)
class Icon:
    """One file; ``drawn`` is the picture's share of a side, the rest is its own background."""

    name: str
    side: int
    drawn: float = 1.0
    filled: bool = False
    """Whether the corners are filled too: whoever shows it rounds or masks it."""


ICONS = (
    Icon("icon-192.png", 192),
    Icon("icon-512.png", 512),
    # What a mask leaves for sure is a circle of 80 % of the side.
    Icon("icon-maskable-512.png", 512, drawn=0.88, filled=True),
    Icon("apple-touch-icon.png", 180, drawn=0.9, filled=True),
)
_BACKGROUND = "#20242e"
"""The picture's own."""


def draw(page: Page, icon: Icon) -> bytes:
    """The icon as a PNG."""
    svg = (ASSETS / "icon.svg").read_text(encoding="utf-8")
    background = _BACKGROUND if icon.filled else "transparent"
    inset = icon.side * (1 - icon.drawn) / 2
    page.set_viewport_size({"width": icon.side, "height": icon.side})
    page.set_content(
        f"<style>body {{ margin: 0; background: {background} }}"
        f"svg {{ display: block; margin: {inset}px; width: {icon.side * icon.drawn}px }}"
        f"</style>{svg}"
    )
    return page.screenshot(omit_background=not icon.filled)


def compressed(png: bytes) -> bytes:
    """The same picture in fewer bytes."""
    out = BytesIO()
    with Image.open(BytesIO(png)) as image:
        image.save(out, "PNG", optimize=True)
    return out.getvalue()


def main() -> int:
    """Make the icons; 0 if they were made."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_CHROMIUM, args=["--no-sandbox", "--force-color-profile=srgb"]
        )
        page = browser.new_page()
        for icon in ICONS:
            (ASSETS / icon.name).write_bytes(compressed(draw(page, icon)))
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
