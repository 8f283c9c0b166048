"""The viewer as an app of its own, and what its page loads."""

import re
from pathlib import Path

import pytest

from tests.browser.conftest import Visit
from tests.browser.pictures import from_png
from tests.process import ServerProcess


def test_a_browser_takes_it_for_an_app(visit: Visit, canvas: str) -> None:
    """UI-22: Chromium reads the manifest, finds its icons and has nothing against installing."""
    page = visit(canvas)
    devtools = page.page.context.new_cdp_session(page.page)
    manifest = devtools.send("Page.getAppManifest")
    assert manifest["errors"] == []
    assert manifest["url"].endswith("/manifest.webmanifest")
    errors = devtools.send("Page.getInstallabilityErrors")["installabilityErrors"]
    # A private window, as a test's is, installs nothing.
    assert [each for each in errors if each["errorId"] != "in-incognito"] == []


def test_icons(visit: Visit, canvas: str, server: ServerProcess) -> None:
    """UI-22: each is there, of the size it is said to have; one fits any mask."""
    page = visit(canvas)
    manifest = page.page.request.get(f"{server.http}/manifest.webmanifest").json()
    assert {icon["sizes"] for icon in manifest["icons"]} >= {"192x192", "512x512", "any"}
    assert any(icon.get("purpose") == "maskable" for icon in manifest["icons"])
    for icon in manifest["icons"]:
        answer = page.page.request.get(f"{server.http}/{icon['src']}")
        assert answer.headers["content-type"] == icon["type"]
        if icon["type"] == "image/png":
            height, width, _ = from_png(answer.body()).shape
            assert icon["sizes"] == f"{width}x{height}"
    touch = page.page.locator("link[rel=apple-touch-icon]").get_attribute("href")
    picture = from_png(page.page.request.get(f"{server.http}{touch}").body())
    assert picture.shape == (180, 180, 3)


@pytest.mark.usefixtures("_built_viewer")
def test_below_a_path(visit: Visit, tmp_path: Path) -> None:
    """UI-22: behind a proxy's path the app starts there."""
    server = ServerProcess(tmp_path, "--root-path", "/art")
    server.start()
    try:
        page = visit("../art/c/main", server=server)
        devtools = page.page.context.new_cdp_session(page.page)
        found = devtools.send("Page.getAppManifest")
        assert found["errors"] == []
        assert found["url"] == f"{server.http}/art/manifest.webmanifest"
        assert found["manifest"]["startUrl"] == f"{server.http}/art/"
        assert found["manifest"]["scope"] == f"{server.http}/art/"
        for icon in found["manifest"]["icons"]:
            assert page.page.request.get(icon["url"]).status == 200
    finally:
        server.stop_well()


def test_what_is_kept_and_what_is_asked_for(
    visit: Visit, canvas: str, server: ServerProcess
) -> None:
    """UI-22: files named by their content are kept for good; page, manifest, icons are checked."""
    page = visit(canvas)
    page.press(["Shift+S"])
    page.frame.get_by_role("dialog", name="Share").get_by_role("button", name="Save").wait_for()
    loaded = page.page.evaluate("performance.getEntriesByType('resource').map(({ name }) => name)")
    scripts = {url for url in loaded if re.search(r"\.(js|css)$", url)}
    assert len(scripts) >= 3
    for url in scripts:
        headers = page.page.request.get(url).headers
        assert headers["cache-control"] == "public, max-age=31536000, immutable", url
    for path in (f"/c/{canvas}", "/", "/manifest.webmanifest", "/assets/icon-maskable-512.png"):
        headers = page.page.request.get(f"{server.http}{path}").headers
        assert headers["cache-control"] == "no-cache", path
        again = page.page.request.get(
            f"{server.http}{path}", headers={"If-None-Match": headers["etag"]}
        )
        assert again.status == 304, path


def test_no_inline_script(visit: Visit, canvas: str) -> None:
    """UI-22: the page's policy lets nothing run or style but its own files; the page complies."""
    page = visit(canvas, place="#100,100,8")
    answer = page.page.request.get(page.page.url)
    policy = dict(
        part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    html = answer.text()
    assert re.findall(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=", html) == []


def test_a_link_shows_its_canvas(visit: Visit, canvas: str) -> None:
    """UI-22: the built page names title and picture for whoever shows links to it."""
    page = visit(canvas)
    picture = page.page.locator('meta[property="og:image"]').get_attribute("content")
    assert picture is not None
    assert from_png(page.page.request.get(picture).body()).shape == (1024, 1024, 3)
    title = page.page.locator('meta[property="og:title"]').get_attribute("content")
    assert title == canvas
