"""FOLLOW and SEEN: who follows whom on one canvas, and what they are shown."""

from collections.abc import Iterable

from protocol.codec import encode
from protocol.messages import Seen
from server.person import Elsewhere, Nowhere
from server.session import Session

CANNOT = "That person can't be followed."
_NO_MORE = "The person you followed doesn't want to be followed any more."


class Followers:
    """The sessions here that follow somebody, by the client that they follow."""

    def __init__(self) -> None:
        self.elsewhere: Elsewhere = Nowhere()
        self._of: dict[int, set[Session]] = {}

    def __len__(self) -> int:
        return len(self._of)

    def sessions(self) -> Iterable[Session]:
        """Whoever follows somebody."""
        return (session for followers in self._of.values() for session in followers)

    def follow(self, session: Session, target: Session | None, client: int) -> None:
        """FOLLOW: ``target`` is the session here that ``client`` names now, if there is one."""
        self.unfollow(session)
        if client == 0:
            return
        if target is session or (target is not None and not target.presence.name):
            session.notify(0, CANNOT)
            return
        if not self.elsewhere.watch(client, here=target is not None):
            session.notify(0, CANNOT)
            return
        session.following = client
        self._of.setdefault(client, set()).add(session)
        if target is not None:
            _show((session,), target)

    def unfollow(self, session: Session) -> None:
        """Stop following whomever the session follows."""
        followers = self._of.get(session.following)
        if followers is not None:
            followers.discard(session)
            if not followers:
                del self._of[session.following]
                self.elsewhere.unwatch(session.following)
        session.following = 0
        session.outbox.seen = b""

    def show(self, target: Session) -> None:
        """A session here has another viewport: those who follow it are shown."""
        followers = self._of.get(target.client)
        if followers is not None:
            _show(followers, target)

    def introduced(self, target: Session) -> None:
        """A session here said its name: it can be followed, or not any more."""
        if target.presence.name:
            self.show(target)
        else:
            self.refuse(target.client, _NO_MORE)

    def shown(self, seen: Seen) -> None:
        """A client of another node has another viewport."""
        _send(self._of.get(seen.client, ()), encode(seen))

    def refuse(self, client: int, text: str = _NO_MORE) -> None:
        """Nobody follows a client any more; ``text`` says why."""
        followers = self._of.pop(client, None)
        if followers is None:
            return
        self.elsewhere.unwatch(client)
        for follower in followers:
            follower.following = 0
            follower.outbox.seen = b""
            follower.notify(0, text)


def _show(followers: Iterable[Session], target: Session) -> None:
    # On a new connection of its session it may not have said its name yet.
    if target.view.box is not None and target.presence.name:
        _send(followers, encode(Seen(target.client, target.view.level, *target.view.box)))


def _send(followers: Iterable[Session], seen: bytes) -> None:
    for follower in followers:
        follower.outbox.seen = seen
        follower.wake()
