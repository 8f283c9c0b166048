"""An answer to a request, whoever sends it."""

from typing import NamedTuple


class Answer(NamedTuple):
    """Status, headers with their names in lower case, and the body, which HEAD leaves off."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
