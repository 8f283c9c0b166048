"""Canvases of a data folder that a server doesn't serve: moved to a cluster, or not moved there.

A canvas has one life. Where one of these has the name of a canvas that would be made, making it
would begin a second.
"""

from collections.abc import Collection

from server.datafolder import DataFolder, DataFolderError

MIGRATING = ".migrating-"
MIGRATED = ".migrated-"
"""What follows the name of a canvas's file once it is on its way to a cluster, or there: then the
epoch that the canvas has in the cluster."""


class ElsewhereError(DataFolderError):
    """A canvas isn't to be made here, since it is somewhere else."""


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
    if (folder.path / "folds" / file.name).exists():
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
    files = [*folder.path.glob("*.sqlite3.migrat*"), *folder.path.glob("folds/*.sqlite3")]
    names = {file.name.partition(".")[0] for file in files} - set(served)
    return [text for name in sorted(names) if (text := elsewhere(folder, name, in_cluster=False))]


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
