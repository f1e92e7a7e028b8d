"""Takes away the checks that belong to other shards."""

import pytest

from labelgate.fixtures.checks import UNDIVIDED, is_check, subject_of
from labelgate.fixtures.dataset import DATASET
from labelgate.fixtures.settings import SETTINGS
from labelgate.fixtures.shards import share_of


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keeps the checks of this run's shard, after known failures found their tests and `-k` chose.

    What is measured is what all shards together ask for.
    """
    shard = config.stash[SETTINGS].shard if SETTINGS in config.stash else None
    if shard is None:
        return
    config.stash[UNDIVIDED] = [item for item in items if is_check(item)]
    share = share_of(shard, config.stash[DATASET])
    others = [item for item in items if is_check(item) and subject_of(item) not in share]
    left = set(map(id, others))
    items[:] = [item for item in items if id(item) not in left]
    if others:
        config.hook.pytest_deselected(items=others)
