"""What a cluster is put to, while people draw: each fault begins, lasts, and is over."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from itertools import permutations

from protocol.errors import CloseCode, RejectCode
from protocol.messages import NEW_SESSION, VERSION, Hello
from server.cluster.link import Link
from server.reception import IN_TROUBLE
from tests.faults.cluster_crowd import WITHIN_S, Crowd
from tests.faults.cluster_evidence import ClusterEvidence
from tests.faults.cluster_lines import Line
from tests.faults.cluster_rig import NATS_SERVERS, NODES, ClusterRig, leader
from tests.faults.cluster_watch import ask
from tests.peer import Peer

LONG_S = (2.0, 8.0)
SHORT_S = (0.2, 2.5)
_IN_FLIGHT_S = 0.4
"""A line is held for so long before it is left, so that something is on its way."""
_RACE_S = 0.15
"""About what a client takes to be welcomed elsewhere."""
_LEFT_TIMES = 4
_POLL_S = 0.02


class Faults:
    """One method each; :attr:`kinds` are all of them."""

    def __init__(
        self,
        rig: ClusterRig,
        crowd: Crowd,
        evidence: ClusterEvidence,
        link: Link,
        random_: random.Random,
    ) -> None:
        self.late_bytes = 0
        """What clients had sent to a node that stood still, and it read once they had gone."""
        self.refusing = 0
        """How often a node was seen to say in every way that it can't be drawn on."""
        self._rig = rig
        self._crowd = crowd
        self._evidence = evidence
        self._link = link
        self._random = random_
        self.kinds: dict[str, Callable[[], Awaitable[None]]] = {
            "NATS leader killed": self._kill_leader,
            "node stopped": self._stop_node,
            "node cut off from NATS": self._cut_node_off,
            "node killed": self._kill_node,
            "NATS follower killed": self._kill_follower,
            "NATS server stopped": self._stop_nats,
            "node stopped for a moment": self._stop_node_for_a_moment,
            "node cut off for a moment": self._cut_node_off_for_a_moment,
            "NATS servers cut off from each other": self._cut_nats_off,
            "all of NATS killed": self._kill_nats,
            "node's fold deleted": self._lose_fold,
            "clients' lines left half open": self._leave_lines,
            "all nodes killed": self._kill_nodes,
            "node and NATS server at once": self._both,
        }
        self.of_clients_alone = {"clients' lines left half open"}
        """Kinds that touch neither nodes nor NATS."""

    # -- nodes ---------------------------------------------------------------------------------

    async def _kill_node(self) -> None:
        node = self._rig.nodes[self._any_node()]
        node.kill()
        await self._last(SHORT_S)
        await asyncio.to_thread(node.start)

    async def _lose_fold(self) -> None:
        number = self._any_node()
        node = self._rig.nodes[number]
        node.kill()
        self._rig.lose_fold(number)
        self._evidence.forget(number)
        await self._last(SHORT_S)
        await asyncio.to_thread(node.start)

    async def _kill_nodes(self) -> None:
        for node in self._rig.nodes:
            node.kill()
        await self._last(SHORT_S)
        await asyncio.gather(*(asyncio.to_thread(node.start) for node in self._rig.nodes))

    async def _stop_node(self) -> None:
        """Its clients go elsewhere, and it hears what they had said when it goes on."""
        number = self._any_node()
        node, door = self._rig.nodes[number], self._rig.doors[number]
        door.hold()
        await asyncio.sleep(_IN_FLIGHT_S)
        node.pause()
        self.late_bytes += door.leave()
        await self._last(LONG_S)
        door.mend()
        node.resume()
        await asyncio.sleep(_IN_FLIGHT_S)  # the old lines are open beside the new ones
        door.forget()

    async def _leave_lines(self) -> None:
        """What clients had sent comes to their node while they ask another for their session."""
        for _ in range(_LEFT_TIMES):
            door = self._rig.doors[self._any_node()]
            door.hold()
            await asyncio.sleep(_IN_FLIGHT_S)
            self.late_bytes += door.leave()
            await asyncio.sleep(self._random.uniform(0, _RACE_S))
            door.mend()
            await asyncio.sleep(_IN_FLIGHT_S)
            door.forget()

    async def _stop_node_for_a_moment(self) -> None:
        """Its clients stay, and notice nothing but the wait."""
        node = self._rig.nodes[self._any_node()]
        node.pause()
        await self._last(SHORT_S)
        node.resume()

    async def _cut_node_off(self) -> None:
        """Its links drop, or nothing passes them, for so long that it has to say so."""
        number = self._any_node()
        mark = self._marks()[number]
        self._cut(self._rig.links[number])
        await self._says_so(number, mark)
        await self._last(SHORT_S)
        self._mend(self._rig.links[number])

    async def _cut_node_off_for_a_moment(self) -> None:
        """The same, and it may notice or not."""
        lines = self._rig.links[self._any_node()]
        self._cut(lines)
        await self._last(SHORT_S)
        self._mend(lines)

    # -- NATS ----------------------------------------------------------------------------------

    async def _kill_leader(self) -> None:
        await self._kill_server(await leader(self._link))

    async def _kill_follower(self) -> None:
        first = await leader(self._link)
        await self._kill_server((first + self._random.randrange(1, NATS_SERVERS)) % NATS_SERVERS)

    async def _kill_server(self, number: int) -> None:
        server = self._rig.nats[number]
        server.kill()
        await self._last(LONG_S)
        await asyncio.to_thread(server.start)

    async def _stop_nats(self) -> None:
        server = self._rig.nats[self._random.randrange(NATS_SERVERS)]
        server.pause()
        await self._last(LONG_S)
        server.resume()

    async def _cut_nats_off(self) -> None:
        """Two servers from each other, or one from both others."""
        one, other, third = self._random.choice(list(permutations(range(NATS_SERVERS))))
        pairs = [(one, other), (other, one)]
        if self._random.random() < 0.5:
            pairs += [(one, third), (third, one)]
        lines = [self._rig.routes[pair] for pair in pairs]
        self._cut(lines)
        await self._last(LONG_S)
        self._mend(lines)

    async def _kill_nats(self) -> None:
        """All at once: every node has to say so."""
        marks = self._marks()
        for server in self._rig.nats:
            server.kill()
        await asyncio.gather(*(self._says_so(number, marks[number]) for number in range(NODES)))
        await self._last(SHORT_S)
        for server in self._rig.nats:
            server.launch()
        for server in self._rig.nats:
            await asyncio.to_thread(server.wait_until_ready)

    async def _both(self) -> None:
        """One of each, whose beginnings and ends are anywhere."""
        node = self._random.choice((self._kill_node, self._stop_node, self._lose_fold))
        nats = self._random.choice(
            (self._kill_leader, self._kill_follower, self._stop_nats, self._cut_nats_off)
        )
        await asyncio.gather(node(), nats())

    # -- what nodes say ------------------------------------------------------------------------

    def _marks(self) -> list[tuple[int, int]]:
        """How much each resident has drawn, and heard, so far."""
        return [(len(one.drawn), len(one.notices)) for one in self._crowd.residents]

    async def _says_so(self, number: int, mark: tuple[int, int]) -> None:
        """Wait until a node says that it can't be drawn on: to who asks, who draws, who comes."""
        resident, (drawn, notices) = self._crowd.residents[number], mark
        port = self._rig.nodes[number].port

        async def not_ready() -> bool:
            said = await ask(port)
            return said is not None and not said.ready and said.read_only

        async def refused() -> bool:
            return IN_TROUBLE in resident.notices[notices:] and any(
                RejectCode.READ_ONLY in codes
                for serial, codes in resident.refused.items()
                if serial > drawn
            )

        await self._until(not_ready, f"node {number} says that it is ready")
        await self._until(refused, f"node {number} tells nobody who draws")
        async with Peer(self._rig.nodes[number].ws(), hello=False) as newcomer:
            await newcomer.send(Hello(VERSION, NEW_SESSION, ""))
            code = await newcomer.closed()
            assert code == CloseCode.TRY_LATER, f"node {number} ended a newcomer with {code}"
        self.refusing += 1

    async def _until(self, ready: Callable[[], Awaitable[bool]], otherwise: str) -> None:
        end = time.monotonic() + WITHIN_S
        while not await ready():
            self._crowd.check()
            assert time.monotonic() < end, otherwise
            await asyncio.sleep(_POLL_S)

    # -- inside --------------------------------------------------------------------------------

    def _any_node(self) -> int:
        return self._random.randrange(NODES)

    async def _last(self, between_s: tuple[float, float]) -> None:
        await asyncio.sleep(self._random.uniform(*between_s))

    def _cut(self, lines: Iterable[Line]) -> None:
        """Drop lines, or let nothing pass without a word."""
        silent = self._random.random() < 0.5
        for line in lines:
            if silent:
                line.hold()
            else:
                line.cut()

    @staticmethod
    def _mend(lines: Iterable[Line]) -> None:
        for line in lines:
            line.mend()
