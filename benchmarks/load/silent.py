"""The dialect of a client that says nothing."""

from benchmarks.load.dialect import Payload, View


class SilentDialect:
    """A WebSocket that is merely open: being so is all that it takes, and nothing is painted."""

    path = "/ws"
    subprotocol: str | None = None
    broadcasts = False

    def __init__(self) -> None:
        self.ready = False
        self.replies: list[Payload] = []

    def opening(self, view: View | None) -> list[Payload]:
        """Nothing; being connected is all that it takes."""
        self.ready = True
        return []

    def pixel(self, x: int, y: int, rgb: int) -> list[Payload]:
        """Nothing."""
        return []

    def received(self, opcode: int, data: bytes) -> int:
        """Raises ``ValueError``: there is nothing to be said."""
        raise ValueError("a bare endpoint says nothing")
