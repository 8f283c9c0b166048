"""Every kind of log, by name: what the contract of logs is held against."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.log_rigs import MemoryRig, Rig, SqliteRig
from tests.nats_rig import NatsProcess
from tests.shared_rigs import JetStreamRig, LostFoldRig, MemoryStreamRig

MakeRig = Callable[[], Rig]


class Kind(NamedTuple):
    """A kind of log: its rig's class, for the facts that it states, and how a rig is made."""

    rig: type[Rig]
    make: Callable[[Path, Callable[[], NatsProcess]], Rig]


KINDS = {
    "memory": Kind(MemoryRig, lambda folder, _: MemoryRig(folder)),
    "sqlite": Kind(SqliteRig, lambda folder, _: SqliteRig(folder)),
    "shared": Kind(MemoryStreamRig, lambda folder, _: MemoryStreamRig(folder)),
    "shared-fold-lost": Kind(LostFoldRig, lambda folder, _: LostFoldRig(folder)),
    "jetstream": Kind(JetStreamRig, lambda folder, server: JetStreamRig(folder, server())),
}


def those_that(fact: str) -> pytest.MarkDecorator:
    """Run a test over the kinds of which a fact is true (:class:`tests.log_rigs.Rig`)."""
    kinds = [name for name, kind in KINDS.items() if getattr(kind.rig, fact)]
    return pytest.mark.parametrize("make_rig", kinds, indirect=True)
