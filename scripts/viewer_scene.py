"""The scene of `docs/viewer.png`: a harbour at sunset, as pixel art."""

from __future__ import annotations

import random
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Scene = npt.NDArray[np.uint8]
"""(height, width, 3) RGB."""

WIDTH: Final = 280
HEIGHT: Final = 160
_HORIZON: Final = 102
_SHORE: Final = 130
_SUN: Final = (182, _HORIZON)

_SKY: Final = (
    "#1f2a6b",
    "#3b3a94",
    "#6a45a8",
    "#a8509f",
    "#e0637f",
    "#ff8b63",
    "#ffb95c",
    "#ffdf8a",
)
_SEA: Final = ("#d8788c", "#8a5aa6", "#4c4a9c", "#2c3a86", "#1f2f70")
_MEADOW: Final = ("#6fb84a", "#4c9a45", "#2f7a43", "#1f5f3c")
# A Bayer matrix: where a pixel takes the next colour of a gradient rather than the last.
_BAYER: Final = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) / 16

_GLYPHS: Final = {
    "T": ("#####", "..#..", "..#..", "..#..", "..#..", "..#..", "..#.."),
    "I": ("###", ".#.", ".#.", ".#.", ".#.", ".#.", "###"),
    "L": ("#....", "#....", "#....", "#....", "#....", "#....", "#####"),
    "E": ("#####", "#....", "#....", "####.", "#....", "#....", "#####"),
    "C": (".####", "#....", "#....", "#....", "#....", "#....", ".####"),
    "A": (".###.", "#...#", "#...#", "#####", "#...#", "#...#", "#...#"),
    "S": (".####", "#....", "#....", ".###.", "....#", "....#", "####."),
}


def paint_scene() -> Scene:
    """The scene, always the same."""
    chance = random.Random(64)
    image = Image.fromarray(_gradients())
    draw = ImageDraw.Draw(image)
    _stars(draw, chance)
    _sun(draw)
    _clouds(draw)
    _mountains(draw, chance)
    _glitter(draw, chance)
    _boats(draw)
    _meadow(draw, chance)
    _lighthouse(draw)
    _village(draw)
    _trees(draw)
    _lettering(draw, "TILECAST", 88, 12)
    return np.asarray(image)


def _gradients() -> Scene:
    scene = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for top, bottom, colours in (
        (0, _HORIZON, _SKY),
        (_HORIZON, _SHORE, _SEA),
        (_SHORE, HEIGHT, _MEADOW),
    ):
        scene[top:bottom] = _dithered(bottom - top, colours)
    return scene


def _dithered(height: int, colours: tuple[str, ...]) -> Scene:
    """Rows from the first colour to the last."""
    steps = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in colours])
    y, x = np.mgrid[0:height, 0:WIDTH]
    at = y / height * (len(colours) - 1) + _BAYER[y % 4, x % 4]
    chosen: Scene = steps[np.minimum(at.astype(int), len(colours) - 1)].astype(np.uint8)
    return chosen


def _stars(draw: ImageDraw.ImageDraw, chance: random.Random) -> None:
    for _ in range(70):
        x, y = chance.randrange(WIDTH), int(chance.random() ** 1.6 * 44)
        draw.point((x, y), chance.choice(("#ffffff", "#cfd6ff", "#8f95d8")))


def _sun(draw: ImageDraw.ImageDraw) -> None:
    x, y = _SUN
    for radius, colour in ((27, "#ffc46e"), (23, "#ffe09a"), (18, "#fff6d6")):
        draw.chord((x - radius, y - radius, x + radius, y + radius), 180, 360, colour)


def _clouds(draw: ImageDraw.ImageDraw) -> None:
    for x, y, width in ((18, 50, 34), (40, 54, 26), (222, 40, 40), (238, 44, 30), (132, 62, 30)):
        draw.rounded_rectangle((x, y, x + width, y + 3), 2, "#f3a0a8")
        draw.rounded_rectangle((x + 4, y - 2, x + width - 8, y + 1), 2, "#ffc9b4")


def _mountains(draw: ImageDraw.ImageDraw, chance: random.Random) -> None:
    for base, rough, colour, lit in ((82, 12, "#7a4c93", "#b06fa6"), (93, 7, "#4d3b7d", "#6b4f92")):
        height = float(base)
        ridge: list[tuple[int, int]] = []
        for x in range(0, WIDTH + 8, 8):
            # They leave a gap for the sun to set in.
            lowest = _HORIZON - min(3, abs(x - _SUN[0]) // 14)
            highest = max(base - 16, _HORIZON - max(abs(x - _SUN[0]) - 20, 0) * 0.7)
            height = min(max(height + chance.uniform(-rough, rough * 0.8), highest), lowest)
            ridge.append((x, round(height)))
        draw.polygon([(0, _HORIZON), *ridge, (WIDTH, _HORIZON)], colour)
        draw.line(ridge, lit, 1)
    draw.line((0, _HORIZON, WIDTH, _HORIZON), "#ffd9a0")


def _glitter(draw: ImageDraw.ImageDraw, chance: random.Random) -> None:
    for y in range(_HORIZON + 1, _SHORE - 2):
        spread = 10 + (y - _HORIZON) * 0.9
        for _ in range(4):
            x = round(chance.gauss(_SUN[0], spread / 2))
            draw.line((x, y, x + chance.randrange(1, 6), y), chance.choice(("#ffd27a", "#ffe9a8")))
    for _ in range(60):
        x, y = chance.randrange(WIDTH), chance.randrange(_HORIZON + 3, _SHORE)
        draw.line((x, y, x + chance.randrange(2, 7), y), chance.choice(("#a06bb4", "#5f5cae")))


def _boats(draw: ImageDraw.ImageDraw) -> None:
    for x, y, size, sail in (
        (100, 112, 8, "#ffffff"),
        (140, 106, 4, "#ffd9c9"),
        (236, 108, 5, "#ff8b63"),
    ):
        draw.polygon([(x, y), (x, y - 2 * size), (x + size, y - 2)], sail)
        draw.polygon([(x - 1, y - 2), (x - 1, y - 2 * size + 3), (x - size + 1, y - 2)], "#f1dfe6")
        draw.polygon(
            [
                (x - size, y),
                (x + size + 1, y),
                (x + size - 2, y + size // 3),
                (x - size + 2, y + size // 3),
            ],
            "#6b3226",
        )


def _meadow(draw: ImageDraw.ImageDraw, chance: random.Random) -> None:
    draw.line((0, _SHORE, WIDTH, _SHORE), "#f2d59a")
    draw.line((0, _SHORE + 1, WIDTH, _SHORE + 1), "#c9a868")
    for _ in range(150):
        x, y = chance.randrange(WIDTH), chance.randrange(_SHORE + 5, HEIGHT)
        draw.point((x, y), chance.choice(("#ffffff", "#ffe14d", "#ff8fb8", "#9be06a", "#9be06a")))
    for x in range(0, WIDTH, 3):
        draw.line((x, HEIGHT - chance.randrange(1, 6), x, HEIGHT), "#174d33")


def _lighthouse(draw: ImageDraw.ImageDraw) -> None:
    for x in range(42, 150):
        for y in range(67 - (x - 42) // 4, 68 - (x - 42) // 9):
            if _BAYER[y % 4, x % 4] > (x - 42) / 108:
                draw.point((x, y), "#ffeeb8")
    draw.polygon([(16, 134), (26, 122), (50, 122), (60, 134)], "#5b4a5e")
    draw.polygon([(19, 134), (28, 124), (38, 122), (40, 134)], "#75617a")
    for row in range(5):
        inset, y = row, 114 - row * 10
        draw.rectangle((31 + inset, y, 45 - inset, y + 9), ("#f6f1ee", "#d23b3b")[row % 2])
        draw.rectangle((42 - inset, y, 45 - inset, y + 9), ("#cfc6cf", "#9c2634")[row % 2])
    draw.rectangle((32, 71, 44, 73), "#3a3346")
    draw.rectangle((35, 63, 41, 70), "#fff1a8")
    draw.rectangle((38, 63, 38, 70), "#3a3346")
    draw.polygon([(33, 62), (38, 56), (43, 62)], "#d23b3b")
    draw.rectangle((37, 116, 40, 123), "#3a3346")


def _village(draw: ImageDraw.ImageDraw) -> None:
    for x, width, height, wall, roof in (
        (226, 15, 12, "#f3dcc0", "#b8433f"),
        (243, 12, 16, "#dfe6f2", "#3f5aa8"),
        (257, 17, 11, "#f7e7a9", "#8a4b2f"),
    ):
        top = 136 - height
        draw.rectangle((x, top, x + width, 136), wall)
        draw.polygon([(x - 2, top), (x + width / 2, top - 8), (x + width + 2, top)], roof)
        draw.rectangle((x + 3, top + 4, x + 5, top + 6), "#ffdf6b")
        draw.rectangle((x + width - 5, top + 4, x + width - 3, top + 6), "#ffdf6b")
        draw.rectangle((x + width // 2 - 1, 131, x + width // 2 + 1, 136), "#6b3226")


def _trees(draw: ImageDraw.ImageDraw) -> None:
    for x, foot, size in ((72, 143, 8), (84, 147, 10), (6, 150, 11), (200, 146, 9), (270, 154, 11)):
        draw.rectangle((x - 1, foot - 3, x, foot), "#4a2e22")
        for tier in range(3):
            half, y = size - 2 * tier, foot - 3 - tier * (size // 2)
            draw.polygon([(x - half, y), (x, y - size), (x + half, y)], "#1c5a3d")
            draw.polygon([(x, y), (x, y - size), (x + half, y)], "#134430")


def _lettering(draw: ImageDraw.ImageDraw, text: str, x: int, y: int) -> None:
    for letter in text:
        glyph = _GLYPHS[letter]
        for row, line in enumerate(glyph):
            for column, dot in enumerate(line):
                if dot != "#":
                    continue
                left, top = x + 2 * column, y + 2 * row
                draw.rectangle((left + 1, top + 1, left + 2, top + 2), "#141b4d")
        for row, line in enumerate(glyph):
            for column, dot in enumerate(line):
                if dot == "#":
                    left, top = x + 2 * column, y + 2 * row
                    shade = "#ffffff" if 2 * row <= len(glyph) else "#ffdf8a"
                    draw.rectangle((left, top, left + 1, top + 1), shade)
        x += 2 * len(glyph[0]) + 3
