"""Tells how far a long measurement is, and counts what was computed."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import pytest

from labelgate.fixtures.decode_pass import Progress
from labelgate.plugins.progress_bar import show_progress

COMPUTED = pytest.StashKey[Counter[str]]()
"""How many of what were computed in this run, by title."""


@pytest.fixture(scope="session")
def progress(pytestconfig: pytest.Config) -> Progress:
    """Called with a title and a total or None; the entered value is called with numbers done."""
    quiet = pytestconfig.get_verbosity() < 0
    computed = pytestconfig.stash.setdefault(COMPUTED, Counter())

    @contextmanager
    def counted(title: str, total: int | None) -> Iterator[Callable[[int], None]]:
        with uncaptured(pytestconfig), show_progress(title, total, quiet) as advance:

            def count(done: int) -> None:
                computed[title] += done
                advance(done)

            yield count

    return counted


def uncaptured(config: pytest.Config) -> AbstractContextManager[None]:
    """Lets through what is printed, where pytest keeps it for failures."""
    capture = config.pluginmanager.getplugin("capturemanager")
    free: AbstractContextManager[None] = (
        capture.global_and_fixture_disabled() if capture else nullcontext()
    )
    return free
