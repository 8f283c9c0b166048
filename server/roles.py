"""What a session may do, as WELCOME tells it."""

from enum import IntEnum


class Role(IntEnum):
    """Each may do what those before it may."""

    VIEWER = 0
    PAINTER = 1
    MODERATOR = 2
    ADMIN = 3
