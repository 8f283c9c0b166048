"""What a data folder holds for workers: a store of NATS, and a folder for each of them.

nats/           the store of the local NATS server: the canvases themselves
workers/{i}/    what worker i keeps for itself, 1 to N: its folds, its socket
"""

import asyncio
import shutil
import time
from pathlib import Path

from server.datafolder import DataFolder, DataFolderError, InUseError, write_private

_POLL_S = 0.02
_LEFT_BEHIND_S = 10.0
"""What a killed server's workers get to be gone: the kernel ends them with it."""


class WorkerFolder:
    """The parts of one data folder that are for its workers."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self.nats = data / "nats"
        self.workers = data / "workers"

    @property
    def holds_canvases(self) -> bool:
        """Whether the canvases of this folder are in a NATS store of its own."""
        # Where nats-server keeps streams. Without any there is no history to be begun anew.
        return any(self.nats.glob("store/jetstream/*/streams/TILECAST_*"))

    def held_in_nats(self, advice: str) -> DataFolderError:
        """What a command says that can't get at such canvases."""
        return DataFolderError(
            f"the canvases of {self._data} are in its NATS store, which "
            f"`tilecast serve --workers` serves: {advice}"
        )

    def of(self, number: int) -> Path:
        """A worker's own folder."""
        return self.workers / str(number)

    def numbers(self) -> list[int]:
        """The workers that there are folders of."""
        return sorted(int(file.name) for file in self.workers.glob("[0-9]*") if _is_one(file))

    def folds(self) -> list[Path]:
        """The folders of workers' folds, in order of number."""
        return [self.of(number) / "folds" for number in self.numbers()]

    def folds_of(self, canvas: str) -> list[Path]:
        """The files of a canvas's folds, in order of worker."""
        files = (DataFolder(folds).file(canvas) for folds in self.folds())
        return [file for file in files if file.exists()]

    def prepare(self, number: int, salt: bytes) -> None:
        """Make a worker's folder, nobody else's to read. Raises OSError."""
        self.workers.mkdir(mode=0o700, exist_ok=True)
        self.of(number).mkdir(mode=0o700, exist_ok=True)
        write_private(self.of(number) / "salt", salt)

    async def wait_until_left(self) -> None:
        """Wait until no worker of an earlier server is there any more.

        Raises :class:`server.datafolder.DataFolderError`.
        """
        end = time.monotonic() + _LEFT_BEHIND_S
        for number in self.numbers():
            while (error := _in_use(self.of(number))) is not None:
                if time.monotonic() > end:
                    raise error
                await asyncio.sleep(_POLL_S)

    def forget_beyond(self, count: int) -> list[int]:
        """Remove the folders of workers after the first ``count``; which they were.

        What they held is in the streams, and in the others' folds. Raises OSError.
        """
        gone = [number for number in self.numbers() if number > count]
        for number in gone:
            shutil.rmtree(self.of(number))
        return gone


def _is_one(file: Path) -> bool:
    return file.name.isdecimal() and file.name == str(int(file.name)) and file.is_dir()


def _in_use(path: Path) -> DataFolderError | None:
    folder = DataFolder(path)
    try:
        folder.hold()
    except InUseError as error:
        return error
    folder.release()
    return None
