"""Who may connect to a canvas: known canvas, own origin, free places."""

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from protocol.errors import CloseCode
from protocol.messages import SUBPROTOCOL
from server.address import client_address, hash_address
from server.line import Line
from server.settings import Settings

if TYPE_CHECKING:
    from server.hub import Hub
    from server.session import Session

_ADDRESS = "tilecast.address"


class Refused(Exception):
    """There is no session for this connection: it is closed with ``code``."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Door:
    """Counts connections and lets them in. ``salt`` keeps hashed addresses from being guessed;
    it is asked for once canvases are open.
    """

    def __init__(
        self, settings: Settings, find_hub: "Callable[[str], Hub | None]", salt: Callable[[], bytes]
    ) -> None:
        self._settings = settings
        self._find_hub = find_hub
        self._salt = salt
        self.by_address: Counter[bytes] = Counter()
        """Connections, by hashed address."""
        self.elsewhere: Callable[[bytes], int] = lambda _address: 0
        """How many a hashed address has on other nodes of a cluster."""

    @property
    def slow_reader_bytes(self) -> int:
        """Unsent bytes from which a line counts as full."""
        return self._settings.slow_reader_bytes

    @property
    def connections(self) -> int:
        """How many are connected."""
        return self.by_address.total()

    def admits_origin(self, scope: Scope) -> bool:
        """Whether the page that asks for the upgrade, if it is one, may connect."""
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is None or "*" in self._settings.allow_origin:
            return True
        own = urlsplit(origin).netloc.lower() == headers.get("host", "").lower()
        return own or origin.lower() in self._settings.allow_origin

    def enter(self, scope: Scope, line: Line) -> "Session":
        """A session for an accepted connection; :meth:`left` must follow.

        Raises :class:`Refused`.
        """
        if scope["subprotocols"] and SUBPROTOCOL not in scope["subprotocols"]:
            raise Refused(CloseCode.BAD_VERSION, f"the subprotocol is {SUBPROTOCOL}")
        plain = client_address(scope, self._settings.trusted_proxies)
        address = hash_address(plain, self._salt())
        if self._is_full(address):
            raise Refused(CloseCode.TRY_LATER, "the server is full")
        hub = self._find_hub(scope["path_params"]["canvas"])
        if hub is None:
            raise Refused(CloseCode.TRY_LATER, "the canvas has just been closed")
        self.by_address[address] += 1
        scope[_ADDRESS] = address
        return hub.join(line, address)

    def _is_full(self, address: bytes) -> bool:
        total, each = self._settings.max_connections, self._settings.max_connections_per_address
        if total and self.connections >= total:
            return True
        return bool(each) and self.by_address[address] + self.elsewhere(address) >= each

    def refused(self, scope: Scope, code: CloseCode) -> None:
        """A connection was closed with ``code`` instead of entering."""
        hub = self._find_hub(scope["path_params"]["canvas"])
        if hub is not None:
            hub.counts.closes[code] += 1

    def left(self, scope: Scope) -> None:
        """A connection that had entered is over."""
        address = scope[_ADDRESS]
        self.by_address[address] -= 1
        if not self.by_address[address]:
            del self.by_address[address]
