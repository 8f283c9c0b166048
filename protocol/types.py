"""The words in which the message table is written: who sends a message, and its layout."""

from dataclasses import dataclass
from enum import Enum, IntFlag
from typing import Any


class Sender(IntFlag):
    """Who may send a message; a frame is decoded for exactly one of the two."""

    CLIENT = 1
    SERVER = 2
    BOTH = 3


class Scalar(Enum):
    """A fixed-size value: its name in the documents, and its little-endian ``struct`` format."""

    U8 = ("u8", "B")
    U16 = ("u16", "H")
    U32 = ("u32", "I")
    U64 = ("u64", "Q")
    ID = ("16 B", "16s")

    def __init__(self, label: str, format: str) -> None:
        self.label = label
        self.format = format


@dataclass(frozen=True, slots=True)
class Field:
    """One fixed-size field of a message."""

    name: str
    scalar: Scalar
    about: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A counted UTF-8 tail; ``count`` is the length in bytes."""

    name: str
    count: Scalar
    about: str = ""


@dataclass(frozen=True, slots=True)
class Blob:
    """A counted tail of opaque bytes."""

    name: str
    count: Scalar
    about: str = ""


@dataclass(frozen=True, slots=True)
class Items:
    """A counted tail of equal records; a decoded one is a tuple of tuples."""

    name: str
    count: Scalar
    fields: tuple[Field, ...]
    about: str = ""


Tail = Text | Blob | Items


@dataclass(frozen=True, slots=True)
class Layout:
    """A row of the message table: the bytes that follow the type byte, in order.

    ``message`` is the dataclass whose fields have the same names in the same order.
    """

    number: int
    name: str
    sender: Sender
    message: type[Any]
    fields: tuple[Field, ...]
    tail: Tail | None
    about: str
