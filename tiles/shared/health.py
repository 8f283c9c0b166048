"""What is wrong with a shared log, and what its listener was told of that."""

from tiles.log.base import EndedError, Listener, LogError


class Health:
    """Trouble of several sources, told as one: that it began, and that it is over."""

    def __init__(self) -> None:
        self.link: Exception | None = None
        """Why the stream can't be reached."""
        self.ended: LogError | None = None
        """Why this log follows its stream no more."""
        self.told: Exception | None = None
        """What the listener knows."""

    @property
    def follows(self) -> bool:
        """Whether the stream is reached, and still this log's."""
        return self.link is None and self.ended is None

    def tell(
        self,
        listener: Listener,
        fold: Exception | None,
        stall: Exception | None,
        *,
        caught_up: bool,
    ) -> None:
        """Say what the listener doesn't know yet.

        Trouble with the ``fold`` and a ``stall`` are as they are now. It is over when nothing is
        wrong and the log has ``caught_up``. That the log has ended is told in any case, and last.
        """
        error = self.ended or self.link or fold or stall
        if error is not None:
            news = self.told is None or isinstance(error, EndedError)
            if news and not isinstance(self.told, EndedError):
                self.told = error
                listener.trouble(error)
        elif self.told is not None and caught_up:
            self.told = None
            listener.trouble(None)
