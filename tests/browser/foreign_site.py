"""Somebody else's website: it shows a canvas with Leaflet, and the viewer in a frame."""

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import copytree
from typing import Final

LEAFLET: Final = Path(__file__).resolve().parents[2] / "viewer" / "node_modules" / "leaflet"

MAP_PAGE: Final = """<!doctype html>
<meta charset="utf-8">
<title>A map of a canvas</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="leaflet/leaflet.css">
<style>body { margin: 0 } #map { width: 700px; height: 500px }</style>
<div id="map"></div>
<script src="leaflet/leaflet.js"></script>
<script>
  async function show(canvas, x, y, zoomedOut) {
    const tiles = await (await fetch(`${canvas}/tilejson.json`)).json();
    const top = tiles.maxzoom;
    // A canvas pixel is a pixel of the deepest zoom; y grows downwards.
    const scale = 1 / 2 ** top;
    const crs = L.extend({}, L.CRS.Simple, {
      transformation: L.transformation(scale, 0, scale, 0),
    });
    const map = L.map("map", {
      crs, zoomControl: false, attributionControl: false, fadeAnimation: false,
    });
    map.setView([y, x], top - zoomedOut, { animate: false });
    const layer = L.tileLayer(tiles.tiles[0], { tileSize: tiles.tileSize, maxZoom: top });
    await new Promise((loaded) => layer.on("load", loaded).addTo(map));
  }
</script>
"""

FRAME_PAGE: Final = """<!doctype html>
<meta charset="utf-8">
<title>A canvas in a frame</title>
<link rel="icon" href="data:,">
<style>body {{ margin: 40px 30px }} iframe {{ width: 900px; height: 600px; border: 0 }}</style>
<iframe src="{viewer}" title="The canvas"></iframe>
"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def foreign_site(folder: Path) -> Iterator[str]:
    """Serve a folder, with Leaflet in it, as http://localhost:…; yields that origin."""
    copytree(LEAFLET / "dist", folder / "leaflet")
    (folder / "map.html").write_text(MAP_PAGE, encoding="utf-8")
    handler = functools.partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as site:
        thread = threading.Thread(target=site.serve_forever, daemon=True)
        thread.start()
        yield f"http://localhost:{site.server_address[1]}"
        site.shutdown()
        thread.join()
