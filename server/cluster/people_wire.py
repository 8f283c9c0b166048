"""What nodes tell each other of cursors and people, as bytes. Little-endian.

A message is: version u8, the sender's node 8 B, then records back to back. What comes from another
node is believed in nothing that can be checked; a message of another version is left alone.
"""

from collections.abc import Iterable, Iterator
from enum import IntEnum
from struct import Struct
from typing import NamedTuple

from protocol.messages import CursorMove, PresenceSet, Seen
from server.cluster.regions import ALL, EVERYWHERE, REGION_LEVEL, region_at
from server.names import NAME_MAX_BYTES
from server.person import Person
from tiles.geometry import Rectangle, key, unkey

VERSION = 1
NODE_BYTES = 8
HEAD_BYTES = 1 + NODE_BYTES
_CURSOR = Struct("<IHHB")
"""Client, x, y, buttons."""
_PERSON = Struct("<IBBHHHHHHBBBBB")
"""Client, flags, level, viewport, the cursor's x, y, buttons, r, g, b, and the length of the name,
which follows."""
_GONE, _LOOKS, _POINTS = 1, 2, 4
"""Flags: it left; it has a viewport; it has a cursor."""
_REGION = Struct("<BB")
_PLACES = {EVERYWHERE: (255, 255), ALL: (254, 254)}
"""Where no region is: one is at most (31, 31)."""
_NAMED = {place: region for region, place in _PLACES.items()}
_CLIENT = Struct("<I")
_SEEN = Struct("<IBBHHHH")
"""Client, what is said of it (:class:`Told`), level, viewport."""


class MalformedError(ValueError):
    """The bytes can't be what they are said to be."""


class Extent(NamedTuple):
    """What a canvas has: pixels across and down, and levels."""

    width: int
    height: int
    levels: int


class Sighting(NamedTuple):
    """What is told of a person; ``here`` is False once it left."""

    here: bool
    level: int
    box: Rectangle | None
    cursor: CursorMove | None
    presence: PresenceSet


class Told(IntEnum):
    """What a node says of a client that is followed elsewhere."""

    LOOKS = 0
    """Its viewport."""
    WAITS = 1
    """It has no viewport yet."""
    NAMELESS = 2
    """It hasn't said its name."""
    UNWILLING = 3
    """It wants to be anonymous."""


class Glimpse(NamedTuple):
    """An answer about a client that is followed; ``seen`` with :attr:`Told.LOOKS` alone."""

    client: int
    told: Told
    seen: Seen | None


def head(node: bytes) -> bytes:
    """What every message of a node begins with."""
    return bytes((VERSION,)) + node


def open_message(data: bytes) -> tuple[bytes, bytes] | None:
    """A message's node and the rest of it; ``None`` if it is of another version.

    Raises :class:`MalformedError`.
    """
    if not data:
        raise MalformedError("an empty message")
    if data[0] != VERSION:
        return None
    if len(data) < HEAD_BYTES:
        raise MalformedError("a message without its node")
    return data[1:HEAD_BYTES], data[HEAD_BYTES:]


def pack_cursor(client: int, cursor: CursorMove) -> bytes:
    """A cursor's record."""
    return _CURSOR.pack(client, cursor.x, cursor.y, cursor.buttons)


def unpack_cursors(records: bytes) -> Iterator[tuple[int, int, int, int]]:
    """(client, x, y, buttons) of each record. Raises :class:`MalformedError`."""
    _check_whole(records, _CURSOR)
    return _CURSOR.iter_unpack(records)


def pack_person(person: Person) -> bytes:
    """A record of what a person is and looks at."""
    view, cursor, who = person.view, person.cursor, person.presence
    flags = (_LOOKS if view.box else 0) | (_POINTS if cursor else 0)
    name = who.name.encode()
    return (
        _PERSON.pack(
            person.client,
            flags,
            view.level,
            *(view.box or (0, 0, 0, 0)),
            *((cursor.x, cursor.y, cursor.buttons) if cursor else (0, 0, 0)),
            who.r,
            who.g,
            who.b,
            len(name),
        )
        + name
    )


def pack_gone(client: int) -> bytes:
    """A record that says that a person left."""
    return _PERSON.pack(client, _GONE, *[0] * 12)


def split_people(records: bytes) -> list[tuple[int, bytes]]:
    """Each person's client and record. Raises :class:`MalformedError`."""
    found = []
    at = 0
    while at < len(records):
        end = at + _PERSON.size
        if end > len(records) or (end := end + records[end - 1]) > len(records):
            raise MalformedError("half a person")
        record = records[at:end]
        found.append((int.from_bytes(record[:4], "little"), record))
        at = end
    return found


def unpack_person(record: bytes, extent: Extent) -> Sighting:
    """What a record, as :func:`split_people` gives it, says. Raises :class:`MalformedError`."""
    client, flags, level, x0, y0, x1, y1, x, y, buttons, r, g, b, size = _PERSON.unpack_from(record)
    if client == 0 or size > NAME_MAX_BYTES:
        raise MalformedError("a person that can't be")
    try:
        presence = PresenceSet(r, g, b, record[_PERSON.size :].decode())
    except UnicodeDecodeError as error:
        raise MalformedError("a name that isn't UTF-8") from error
    box = cursor = None
    if flags & _LOOKS:
        box = (x0, y0, x1, y1)
        _check_view(level, box, extent)
    if flags & _POINTS:
        cursor = CursorMove(x, y, buttons)
        check_spot(x, y, extent)
    return Sighting(not flags & _GONE, level, box, cursor, presence)


def pack_regions(regions: Iterable[int]) -> bytes:
    """Records of regions."""
    return b"".join(_REGION.pack(*(_PLACES.get(region) or unkey(region)[1:])) for region in regions)


def unpack_regions(records: bytes, extent: Extent) -> list[int]:
    """The regions. Raises :class:`MalformedError`."""
    _check_whole(records, _REGION)
    last = unkey(region_at(extent.width - 1, extent.height - 1))
    found = []
    for place in _REGION.iter_unpack(records):
        if place in _NAMED:
            found.append(_NAMED[place])
        elif place[0] > last.tx or place[1] > last.ty:
            raise MalformedError("a region off the canvas")
        else:
            found.append(key(REGION_LEVEL, *place))
    return found


def pack_clients(clients: Iterable[int]) -> bytes:
    """Records of clients."""
    return b"".join(map(_CLIENT.pack, clients))


def unpack_clients(records: bytes) -> list[int]:
    """The clients. Raises :class:`MalformedError`."""
    _check_whole(records, _CLIENT)
    return [client for (client,) in _CLIENT.iter_unpack(records)]


def pack_glimpse(person: Person, told: Told) -> bytes:
    """A record of what a person who is followed looks at."""
    return _SEEN.pack(person.client, told, person.view.level, *(person.view.box or (0, 0, 0, 0)))


def unpack_glimpses(records: bytes, extent: Extent) -> list[Glimpse]:
    """What is told of persons who are followed. Raises :class:`MalformedError`."""
    _check_whole(records, _SEEN)
    found = []
    for client, said, level, *box in _SEEN.iter_unpack(records):
        try:
            told = Told(said)
        except ValueError as error:
            raise MalformedError("an answer that there isn't") from error
        seen = None
        if told is Told.LOOKS:
            _check_view(level, tuple(box), extent)
            seen = Seen(client, level, *box)
        found.append(Glimpse(client, told, seen))
    return found


def check_spot(x: int, y: int, extent: Extent) -> None:
    """Raises :class:`MalformedError` for a cursor off the canvas."""
    if x >= extent.width or y >= extent.height:
        raise MalformedError("a cursor off the canvas")


def _check_whole(records: bytes, struct: Struct) -> None:
    if len(records) % struct.size:
        raise MalformedError("half a record")


def _check_view(level: int, box: tuple[int, ...], extent: Extent) -> None:
    x0, y0, x1, y1 = box
    if level >= extent.levels or not (x0 <= x1 < extent.width and y0 <= y1 < extent.height):
        raise MalformedError("a viewport that can't be")
