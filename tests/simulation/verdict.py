"""What a simulation holds against the server, or the client: the first breach ends the run."""


class Violation(AssertionError):
    """A promise was broken. ``rule`` is its number in ``docs/spec.md``."""

    def __init__(self, rule: str, text: str, now: float) -> None:
        super().__init__(f"{rule} at {now:.4f} s: {text}")
        self.rule = rule


class Verdict:
    """Collects violations where they can't be raised: the server would catch and log them.

    With ``rules`` it is blind to all others, and in any case to those ``excused``.
    """

    def __init__(
        self, rules: frozenset[str] | None = None, excused: frozenset[str] = frozenset()
    ) -> None:
        self.now = 0.0
        self._rules = rules
        self._excused = excused
        self._first: Violation | None = None

    def fail(self, rule: str, text: str) -> None:
        """A promise was broken."""
        if self._first is not None or rule in self._excused:
            return
        if self._rules is None or rule in self._rules:
            self._first = Violation(rule, text, self.now)

    def check(self, held: bool, rule: str, text: str) -> None:
        """Hold the promise ``rule``."""
        if not held:
            self.fail(rule, text)

    def settle(self) -> None:
        """Raise the first violation, if there is one."""
        if self._first is not None:
            raise self._first
