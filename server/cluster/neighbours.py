"""What nodes tell each other of who is connected to them."""

from collections.abc import Callable, Mapping

from server.cluster.attendance import Attendance, AttendanceElsewhere
from server.cluster.bus import Bus
from server.cluster.connections import ConnectionsElsewhere
from server.door import Door
from server.supervisor import Supervisor


class Neighbours:
    """The other nodes: how many they have on each canvas, and of each address.

    ``attendance`` says that of this node's canvases; ``door`` counts its addresses, where there is
    a limit for each.
    """

    def __init__(
        self,
        bus: Bus,
        supervisor: Supervisor,
        attendance: Callable[[], Mapping[str, Attendance]],
        door: Door | None,
    ) -> None:
        self._attendance = AttendanceElsewhere(bus, supervisor.service("attendance"), attendance)
        self._connections: ConnectionsElsewhere | None = None
        if door is not None:
            self._connections = ConnectionsElsewhere(
                bus, supervisor.service("connections"), lambda: door.by_address
            )
            door.elsewhere = self._connections.of

    def add_to(self, figures: dict[str, int | bool], canvas: str) -> None:
        """Add who is on a canvas by way of the others to this node's figures of it."""
        for name, count in self._attendance.of(canvas)._asdict().items():
            figures[name] += count

    def close(self) -> None:
        """Say that nobody is here any more, and hear nothing more."""
        self._attendance.close()
        if self._connections is not None:
            self._connections.close()
