"""What JetStream says of a message that a consumer delivers, in the message's reply subject."""

from typing import NamedTuple

_TOKENS = 9
"""``$JS.ACK.stream.consumer.delivered.place.count.time.pending``; newer ones name a domain too."""


class Reply(NamedTuple):
    """Of which consumer it is its ``serial``-th, from where in the stream, and what comes after."""

    consumer: str
    place: int
    serial: int
    time_ns: int
    pending: int


def parse_reply(subject: str) -> Reply:
    """What a reply subject says, in its older form or in the one that names a domain."""
    tokens = subject.split(".")
    if len(tokens) > _TOKENS:
        del tokens[2:4]
    return Reply(tokens[3], int(tokens[5]), int(tokens[6]), int(tokens[7]), int(tokens[8]))
