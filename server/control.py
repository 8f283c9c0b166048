"""How a command finds the server that holds a data folder, and talks to it.

While it holds the folder a server keeps ``{data}/server.json`` there, which only its own user can
read: where it listens, and a token that lets its holder administer it.
"""

import http.client
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from server.datafolder import write_private

_TIMEOUT_S = 300.0
"""A large image takes a while to be drawn."""


class ControlError(Exception):
    """The running server can't be reached, or refuses; the text says why."""


class Control(BaseModel):
    """What ``server.json`` holds. ``url`` is where the server listens, without a path."""

    pid: int
    url: str
    token: str


def _file(data: Path) -> Path:
    return data / "server.json"


def write_control(data: Path, control: Control) -> None:
    """Say where this process can be reached. Raises OSError."""
    write_private(_file(data), control.model_dump_json(indent=2).encode() + b"\n")


def remove_control(data: Path) -> None:
    """This process is no longer to be reached."""
    with suppress(OSError):
        _file(data).unlink()


def read_control(data: Path) -> Control:
    """Where the server that holds the folder is. Raises :class:`ControlError`."""
    try:
        return Control.model_validate_json(_file(data).read_bytes())
    except FileNotFoundError:
        raise ControlError(
            f"{data} is in use, but not by a server that can be asked: it may be starting or "
            "stopping, or another command is at work"
        ) from None
    except (OSError, ValidationError) as error:
        raise ControlError(f"{_file(data)} can't be read: {error}") from None


def call(control: Control, method: str, path: str, body: BaseModel | None = None) -> Any:
    """Ask the server; its JSON answer. Raises :class:`ControlError`."""
    address = urlsplit(control.url)
    assert address.hostname is not None, "server.json holds a whole address"
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=_TIMEOUT_S)
    headers = {"Authorization": f"Bearer {control.token}", "Content-Type": "application/json"}
    content = None if body is None else body.model_dump_json(exclude_unset=True)
    try:
        connection.request(method, path, content, headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ControlError(
            f"the server at {control.url} (process {control.pid}) doesn't answer: {error}"
        ) from None
    finally:
        connection.close()
    if response.status >= http.client.BAD_REQUEST:
        raise ControlError(_detail(answer, response.status))
    return answer


def _detail(answer: Any, status: int) -> str:
    if isinstance(answer, Mapping) and "detail" in answer:
        return str(answer["detail"])
    return f"the server answered {status}"
