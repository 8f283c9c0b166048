"""What ``tilecast backup`` copies: a canvas's file, or beside workers any of their folds of it."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from server.control import call, read_control
from server.datafolder import DataFolder, DataFolderError, InUseError
from server.schemas import CanvasDetails, CanvasSummary
from server.workers.folder import WorkerFolder
from tiles.log.backup import Copied, backup
from tiles.log.findings import Say

_PATH = "/api/admin/canvases"
_WITHIN_S = 10.0
"""What the folds get to hold what was durable when the backup began."""
_PAUSE_S = 0.1


@dataclass(frozen=True, slots=True)
class Source:
    """A canvas to be copied: from the first of ``files`` that holds all up to ``least_seq``."""

    name: str
    files: Sequence[Path]
    least_seq: int = 0

    def copy(self, copy: Path, say: Say, copied: Copied) -> int:
        """Copy it; the seq at which the copy ends.

        Raises :class:`server.datafolder.DataFolderError`, :class:`tiles.log.base.LogError`.
        """
        end = time.monotonic() + _WITHIN_S
        while True:
            for file in self.files:
                seq = backup(file, copy, say, copied)
                if seq >= self.least_seq:
                    return seq
                copy.unlink()
            if time.monotonic() > end:
                raise DataFolderError(
                    f"no worker's copy of {self.name} holds all of it: seq {self.least_seq} is "
                    "durable"
                )
            time.sleep(_PAUSE_S)


def sources(folder: DataFolder, names: Sequence[str] | None) -> list[Source]:
    """The canvases of these names, or all.

    Raises :class:`server.datafolder.DataFolderError`, :class:`server.control.ControlError`.
    """
    workers = WorkerFolder(folder.path)
    if not workers.holds_canvases and (folder.names() or not workers.folds()):
        return [Source(name, [folder.file(name)]) for name in folder.chosen(names)]
    try:
        folder.hold()
    except InUseError:
        return list(_of_workers(workers, folder, names))
    folder.release()
    if workers.holds_canvases:
        raise workers.held_in_nats("start that, and back up beside it")
    raise DataFolderError(
        f"the canvases of {folder.path} are a cluster's: start its workers, and back up beside them"
    )


def _of_workers(
    workers: WorkerFolder, folder: DataFolder, names: Sequence[str] | None
) -> Iterator[Source]:
    """The canvases that the running workers have, and how far their drawing is durable."""
    control = read_control(folder.path)
    listed = TypeAdapter(list[CanvasSummary]).validate_python(call(control, "GET", _PATH))
    there = [canvas.name for canvas in listed]
    for name in dict.fromkeys(names or there):
        if name not in there:
            raise DataFolderError(f"there is no canvas {name} in {folder.path}")
        details = CanvasDetails.model_validate(call(control, "GET", f"{_PATH}/{name}"))
        yield Source(name, workers.folds_of(name), details.seq)
