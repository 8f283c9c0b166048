"""Records for other nodes, packed: a message for each subject, not one for each record."""

from collections.abc import Callable


class Parcels:
    """Collects records by region, of at most ``most_bytes`` a message, until they are sent.

    ``publish`` takes a region and a message; ``head`` is what each of these begins with.
    """

    def __init__(self, publish: Callable[[int, bytes], None], head: bytes, most_bytes: int) -> None:
        self._publish = publish
        self._head = head
        self._most_bytes = most_bytes
        self._open: dict[int, bytearray] = {}

    def add(self, region: int, record: bytes) -> None:
        """A record that belongs to a region."""
        parcel = self._open.get(region)
        if parcel is None:
            parcel = self._open[region] = bytearray(self._head)
        elif len(parcel) + len(record) > self._most_bytes:
            self._publish(region, bytes(parcel))
            parcel = self._open[region] = bytearray(self._head)
        parcel += record

    def send(self) -> None:
        """Send all that was collected."""
        parcels, self._open = self._open, {}
        for region, parcel in parcels.items():
            self._publish(region, bytes(parcel))
