"""Sources as tests declare them: by path."""

from collections.abc import Mapping

import pyarrow as pa

from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.declarations import DeclaredSources, declare_sources


def sources_by_path(dataset: Dataset, named: Mapping[str, str]) -> DeclaredSources:
    """Declares the sources of some images."""
    images = dataset.index_of.find([*named])
    return declare_sources(len(dataset.paths), images, pa.array([*named.values()], pa.string()))


def by_path(dataset: Dataset) -> dict[str, str] | None:
    """What was declared of images, None where nothing was."""
    if dataset.sources is None:
        return None
    told = {path: dataset.sources.of(image) for image, path in enumerate(dataset.paths)}
    return {path: source for path, source in told.items() if source is not None}
