"""Modules whose functions a spawned process runs: test modules it cannot always import."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest


@contextmanager
def importable(folder: Path, name: str) -> Iterator[ModuleType]:
    """Imports a module of a folder; a spawned process can do so too, as it is given `sys.path`."""
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(folder)
        yield import_module(name)
