"""Two nodes over one stream in virtual time, for what is played move by move."""

from protocol.codec import encode
from protocol.messages import Message
from server.hub import Hub
from server.session import Session
from tests.simulation.plan import Plan
from tests.simulation.table import Notepad, connect
from tests.simulation.world import World

PLAN = Plan(people=0, seconds=0, crashes=0, restarts=0, troubles=0, visits=0, nodes=2)


class Pair:
    """Two nodes over one stream, and who is connected to them."""

    def __init__(self) -> None:
        self.world = World(PLAN, 1)
        for server in self.world.servers:
            server.start()
        self.pass_time()

    def pass_time(self, seconds: float = 0.5) -> None:
        """Let what is under way arrive."""
        self.world.time.run(self.world.time.now + seconds)

    def hub(self, node: int) -> Hub:
        """A node's."""
        hub = self.world.servers[node].hub
        assert hub is not None
        return hub

    def join(self, node: int) -> tuple[Session, Notepad]:
        """A new connection."""
        notepad = Notepad()
        return connect(self.hub(node), notepad), notepad

    def say(self, session: Session, *messages: Message) -> None:
        """The client's frame comes, and time to deal with it."""
        session.receive(b"".join(map(encode, messages)))
        self.pass_time()
