"""The colours that messages are known by: no two have the same."""

import zlib
from typing import NamedTuple

from protocol.messages import Drawing, Patch


class Signature(NamedTuple):
    """Who drew, and which of theirs it is, in 24 bits: the last ``serial_bits`` are the serial."""

    serial_bits: int

    def colour(self, number: int, serial: int) -> tuple[int, int, int]:
        """The colour that a message alone has."""
        assert serial < 1 << self.serial_bits, "it drew more than it has colours"
        r, g, b = (number << self.serial_bits | serial).to_bytes(3, "big")
        return r, g, b

    def whose(self, message: Drawing) -> tuple[int, int]:
        """The number and the serial of a message."""
        if isinstance(message, Patch):
            colour = zlib.decompress(message.data)[:3]
        else:
            colour = bytes((message.r, message.g, message.b))
        value = int.from_bytes(colour, "big")
        return value >> self.serial_bits, value & ((1 << self.serial_bits) - 1)
