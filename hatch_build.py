"""The build hook: a wheel, a source distribution and an editable install hold the built viewer."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ViewerBuildHook(BuildHookInterface[Any]):
    """Builds the viewer before the files are collected.

    With TILECAST_SKIP_VIEWER=1 in the environment the viewer is left as it is, built or not: for
    working on the Python side alone.
    """

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Node from PyPI, where a build is due and the machine has no Node that will do."""
        if _is_skipped():
            return []
        viewer_build = self._viewer_build()
        needed = viewer_build.needs_node_wheel(Path(self.root))
        return [viewer_build.NODE_REQUIREMENT] if needed else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the viewer if it is stale. Raises ViewerBuildError."""
        if not _is_skipped():
            self._viewer_build().build(Path(self.root))

    def _viewer_build(self) -> ModuleType:
        """`scripts/viewer_build.py`, by its path: a build's sys.path doesn't hold the tree."""
        name = "tilecast_viewer_build"
        if name not in sys.modules:
            path = Path(self.root) / "scripts" / "viewer_build.py"
            spec = importlib.util.spec_from_file_location(name, path)
            assert spec is not None
            assert spec.loader is not None
            # Registered first: dataclasses look their own module up.
            sys.modules[name] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(sys.modules[name])
        return sys.modules[name]


def _is_skipped() -> bool:
    return os.environ.get("TILECAST_SKIP_VIEWER") == "1"
