"""A network namespace beside this machine's own: whoever is in it can be cut off without a word."""

import os
import subprocess
from types import TracebackType
from typing import Self

_HOST_ADDRESS = "10.213.77.1"
_INSIDE_ADDRESS = "10.213.77.2"


class NamespaceUnavailable(Exception):
    """This machine or this user can't have one; the text says why."""


class Namespace:
    """Joined to this machine by one pair of virtual interfaces. Use as a context manager.

    Entering it raises :class:`NamespaceUnavailable`.
    """

    def __init__(self) -> None:
        self._name = f"tilecast-{os.getpid()}"
        self._outside, self._inside = f"tc{os.getpid()}o"[-15:], f"tc{os.getpid()}i"[-15:]

    host = _HOST_ADDRESS
    """This machine's address, as it is seen from within."""

    @property
    def under(self) -> tuple[str, ...]:
        """The command that runs another within."""
        return "ip", "netns", "exec", self._name

    def cut(self) -> None:
        """Nothing passes any more, in either direction; neither side is told."""
        _ip("-n", self._name, "link", "set", self._inside, "down")

    def __enter__(self) -> Self:
        _ip("netns", "add", self._name)
        try:
            _ip("link", "add", self._outside, "type", "veth", "peer", "name", self._inside)
            _ip("link", "set", self._inside, "netns", self._name)
            _ip("addr", "add", f"{_HOST_ADDRESS}/30", "dev", self._outside)
            _ip("link", "set", self._outside, "up")
            _ip("-n", self._name, "addr", "add", f"{_INSIDE_ADDRESS}/30", "dev", self._inside)
            _ip("-n", self._name, "link", "set", self._inside, "up")
        except NamespaceUnavailable:
            self._remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._remove()

    def _remove(self) -> None:
        # The pair goes with either end; the namespace once nobody is in it.
        subprocess.run(("ip", "link", "del", self._outside), capture_output=True, check=False)
        subprocess.run(("ip", "netns", "del", self._name), capture_output=True, check=False)


def _ip(*arguments: str) -> None:
    try:
        done = subprocess.run(("ip", *arguments), capture_output=True, text=True, check=False)
    except OSError as error:
        raise NamespaceUnavailable(f"ip: {error}") from None
    if done.returncode:
        raise NamespaceUnavailable(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
