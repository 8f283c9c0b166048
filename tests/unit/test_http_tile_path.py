"""Which paths name an image."""

import pytest

from server.http.tile_path import ImageFormat, TileImage, parse_tile_path

PNG, WEBP = ImageFormat.PNG, ImageFormat.WEBP


@pytest.mark.parametrize(
    ("path", "canvas", "image"),
    [
        ("/c/main/tiles/3/1/2.png", "main", TileImage(256, 3, 1, 2, 1, PNG)),
        ("/c/a.b/tiles/64/3/1/2.png", "a.b", TileImage(64, 3, 1, 2, 1, PNG)),
        ("/c/main/tiles/512/0/0/0.webp", "main", TileImage(512, 0, 0, 0, 1, WEBP)),
        ("/c/main/tiles/3/1/2@2x.png", "main", TileImage(256, 3, 1, 2, 2, PNG)),
        ("/c/main/tiles/100/3/1/2@2x.webp", "main", TileImage(100, 3, 1, 2, 2, WEBP)),
        ("/c/tiles/tiles/03/1/2.png", "tiles", TileImage(256, 3, 1, 2, 1, PNG)),
    ],
)
def test_images(path: str, canvas: str, image: TileImage) -> None:
    """HTTP-1: size, zoom, column, row, doubled or not, format."""
    assert parse_tile_path(path) == (canvas, image)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/c/main",
        "/c/main/tiles",
        "/c/main/tiles/3/1/2",
        "/c/main/tiles/3/1/2.gif",
        "/c/main/tiles/3/1/2.PNG",
        "/c/main/tiles/3/1/2.png/",
        "/c/main/tiles/3/1/2.png\n",
        "/c/main/tiles/3/1/2@3x.png",
        "/c/main/tiles/3/-1/2.png",
        "/c/main/tiles/3/+1/2.png",
        "/c/main/tiles/3/1.0/2.png",
        "/c/main/tiles/3/1_0/2.png",
        "/c/main/tiles/3/ 1/2.png",
        "/c/main/tiles/3//2.png",
        "/c/main/tiles/3/\u0661/2.png",
        "/c/main/tiles/1/256/3/1/2.png",
        "/c//tiles/3/1/2.png",
        "/c/a/b/tiles/3/1/2.png",
        "/x/c/main/tiles/3/1/2.png",
        f"/c/main/tiles/3/1/{'9' * 10}.png",
        f"/c/{'x' * 300}/tiles/3/1/2.png",
    ],
)
def test_other_paths(path: str) -> None:
    """HTTP-1: anything else is none, were it only a sign or a digit of another script."""
    assert parse_tile_path(path) is None
