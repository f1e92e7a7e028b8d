"""What tests of datasets at URLs share: what is read of one, and no wait between tries."""

from collections.abc import Iterator

import pytest

from labelgate.fixtures.containers import opening, remote
from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.pixels import Caps
from labelgate.fixtures.reading import read_file

CAPS = Caps(pixels=10_000, file_bytes=1_000)

Rows = list[tuple[str, str, str | None, bytes]]


def rows(dataset: Dataset) -> Rows:
    """Path, split, label and bytes of each image."""
    return [
        (
            path,
            dataset.split_of(image),
            dataset.label_of(image),
            read_file(dataset.location, path, CAPS).data,
        )
        for image, path in enumerate(dataset.paths)
    ]


@pytest.fixture
def nothing_is_remembered() -> Iterator[None]:
    yield
    remote.file_system.cache_clear()
    opening._open_url.cache_clear()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Makes a retry cost nothing, and notes the waits."""
    waits: list[float] = []
    monkeypatch.setattr(remote.time, "sleep", waits.append)
    return waits
