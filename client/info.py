"""The JSON at the end of WELCOME."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from protocol.errors import ProtocolError


class WelcomeInfo(BaseModel):
    """What a server says about the canvas and the session; unknown keys are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    title: str = ""
    palette: tuple[tuple[int, int, int], ...] | None = None
    """The only colours that may be drawn, or ``None``: any."""
    limits: dict[str, Any] = Field(default_factory=dict)
    """The server's settings that bound what a client may do, by the settings' names."""
    rejected: tuple[tuple[int, int], ...] = ()
    """(number, REJECT code) of the session's messages that were refused, of the last 256."""

    def limit(self, name: str, default: int) -> int:
        """The limit of that name; ``default`` if the server doesn't say, or 0: none."""
        value = self.limits.get(name)
        return value if isinstance(value, int) and value > 0 else default


def parse_info(data: bytes) -> WelcomeInfo:
    """WELCOME's tail as a model. Raises :class:`ProtocolError` if it is none."""
    try:
        return WelcomeInfo.model_validate_json(data)
    except ValidationError as error:
        raise ProtocolError(f"WELCOME's JSON is malformed: {error.errors()[0]['msg']}") from None
