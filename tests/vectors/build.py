"""Makes the protocol's messages from the vectors' fields."""

from __future__ import annotations

from typing import Any, cast

from protocol import messages
from protocol.messages import Drawing, Message


def message(fields: dict[str, Any]) -> Message:
    """The message that a vector's ``fields`` (expanded, see load.py) describe."""
    values = {name: value for name, value in fields.items() if name != "type"}
    return cast("Message", getattr(messages, fields["type"])(**values))


def drawing(fields: dict[str, Any]) -> Drawing:
    """The same, for a message that draws."""
    built = message(fields)
    assert isinstance(built, Drawing)
    return built
