"""The bot in ``docs/bots.md`` runs as it stands, against a real server."""

import asyncio
import os
import re
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

import client
from client import Client, Drawn, Rect

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/bots.md").read_text()
BOT = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)[0]
BOX = (100, 100, 117, 111)


@asynccontextmanager
async def running(*arguments: str) -> AsyncIterator[Process]:
    """A Python process, ended at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        stdout=PIPE,
        stderr=DEVNULL,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def address(server: Process) -> str:
    """The main canvas's socket, from what the server prints when it is ready."""
    assert server.stdout is not None
    async for line in server.stdout:
        if found := re.search(r"http://(\S+?)/", line.decode()):
            return f"ws://{found[1]}/c/main/ws"
    raise AssertionError("the server ended")


async def until_shown(watcher: Client, flag: np.ndarray) -> None:
    """Wait until the canvas shows the flag."""
    with watcher.events() as events:
        while not (watcher.view.array(*BOX).pixels == flag).all():
            await anext(events)


async def test_the_bot_paints_its_flag_and_mends_it(tmp_path: Path) -> None:
    """A stranger's rectangle over it is gone a moment later."""
    (tmp_path / "flag.py").write_text(BOT)
    names: dict[str, np.ndarray] = {}
    exec(BOT.partition("async def")[0], names)  # the page's own constants
    serve = "import sys; from server.cli import main; sys.exit(main())"
    data = str(tmp_path / "data")
    async with (
        asyncio.timeout(60),
        running("-c", serve, "serve", "--port", "0", "--data", data) as server,
    ):
        url = await address(server)
        async with Client(url, proxy=None) as watcher:
            await watcher.viewport(*BOX)
            async with running(str(tmp_path / "flag.py"), url):
                await until_shown(watcher, names["FLAG"])
                stain = Rect(0, 90, 90, 110, 105, 0, 0, 0)
                with watcher.events(Drawn) as drawn:
                    await watcher.draw(stain)
                    while await anext(drawn) != Drawn(stain):
                        pass
                await until_shown(watcher, names["FLAG"])


def test_what_the_page_names_is_there() -> None:
    """Events, errors and methods, by their names in backticks."""
    text = re.sub(r"^```.*?^```", "", PAGE, flags=re.M | re.S)
    classes = set(re.findall(r"`([A-Z][A-Za-z]+)`", text))
    assert classes
    assert {name for name in classes if not hasattr(client, name)} == set()
    methods = set(re.findall(r"client\.([a-z_]+)\b(?!\.)", PAGE)) - {"py"}
    assert {name for name in methods if not hasattr(Client, name)} == set()
