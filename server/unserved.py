"""Canvases of a data folder that a server doesn't serve: moved to a cluster, or not moved there.

A canvas has one life. Where one of these has the name of a canvas that would be made, making it
would begin a second.
"""

from collections.abc import Collection
from pathlib import Path

from server.datafolder import DataFolder, DataFolderError

MIGRATING = ".migrating-"
MIGRATED = ".migrated-"
"""What follows the name of a canvas's file once it is on its way to a cluster, or there: then the
epoch that the canvas has in the cluster."""
_WORKERS = "workers"
_FOLDS = ("folds", f"{_WORKERS}/*/folds")
"""Where a node of a cluster, or several behind one port, keep what they have of its canvases."""


class ElsewhereError(DataFolderError):
    """A canvas isn't to be made here, since it is somewhere else."""


class MovedError(DataFolderError):
    """The canvas has moved out of the cluster."""


def elsewhere(folder: DataFolder, name: str, *, in_cluster: bool) -> str:
    """Why a canvas isn't to be made for this server, and what to do; empty where nothing says so.

    ``in_cluster``: the server's canvases are a cluster's, and the folder is its own.
    """
    file = folder.file(name)
    if in_cluster:
        return _not_moved(folder, name) if file.exists() else ""
    if any(folder.path.glob(f"{file.name}{MIGRATING}*")):
        return (
            f"the canvas {name} of {folder.path} was being moved to a cluster: "
            "the same `tilecast migrate` again finishes that"
        )
    if any(folder.path.glob(f"{file.name}{MIGRATED}*")):
        return (
            f"the canvas {name} of {folder.path} has been moved to a cluster: "
            f"serve it with --cluster, or {_bring_back(folder, name)}"
        )
    if any(any(folder.path.glob(f"{folds}/{file.name}")) for folds in _FOLDS):
        return (
            f"{folder.path} is of a node of a cluster, and the canvas {name} is the cluster's: "
            f"serve it with --cluster, or {_bring_back(folder, name)}"
        )
    return ""


def unserved(folder: DataFolder, served: Collection[str], *, in_cluster: bool) -> list[str]:
    """What is to be said of canvases that the folder has, and this server doesn't serve."""
    if in_cluster:
        return [
            f"{folder.file(name)} isn't served: the cluster's canvas of that name is another one"
            if name in served
            else _not_moved(folder, name)
            for name in folder.names()
        ]
    patterns = ["*.sqlite3.migrat*", *(f"{folds}/*.sqlite3" for folds in _FOLDS)]
    files = (file for pattern in patterns for file in folder.path.glob(pattern))
    names = {file.name.partition(".")[0] for file in files} - set(served)
    return [text for name in sorted(names) if (text := elsewhere(folder, name, in_cluster=False))]


def forgotten(fold: Path, name: str, seq: int) -> str:
    """What is to be said of a canvas that isn't the cluster's, and that a node has a file of."""
    data = fold.parents[1]
    of_worker = data.parent.name == _WORKERS
    home = (data.parents[1] if of_worker else data) / fold.name
    begin = (
        f"stop the server, move it to {home} and start again"
        if of_worker
        else f"stop this node, move it to {home} and run "
        f"`tilecast migrate --to nats://… --data {data} --canvas {name}`"
    )
    return (
        f"the cluster has no canvas {name}, and {fold} holds it with {seq:,} messages. "
        "Is it the right cluster? Has NATS lost what it stored? "
        f"To go on with that file, {begin}; to begin anew, delete that file"
    )


def _not_moved(folder: DataFolder, name: str) -> str:
    return (
        f"the canvas {name} of {folder.path} isn't the cluster's and isn't served: "
        f"`tilecast migrate --to nats://… --data {folder.path} --canvas {name}` moves it there, "
        "while no server runs"
    )


def _bring_back(folder: DataFolder, name: str) -> str:
    return (
        "bring it back with "
        f"`tilecast migrate --from nats://… --to-data {folder.path} --canvas {name}`"
    )
