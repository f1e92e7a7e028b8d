"""What the tests of the readers say of a dataset and of a refusal."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.errors import DatasetError
from labelgate.fixtures.readers import read_dataset

Place = Callable[[Iterable[str]], Path]
HOSTILE = ["a,b", 'say "no"', "it's", "a\nb", " space ", "猫", "🎉", "<b>&amp;", "%s{}", "-rf", "~"]
TRAIN = '[splits.train]\nimages = "train"\n'


def images_of(dataset: Dataset) -> dict[str, tuple[str, str | None]]:
    return {
        path: (dataset.split_of(i), dataset.label_of(i)) for i, path in enumerate(dataset.paths)
    }


def refusal(root: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        read_dataset(root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def read_or_refuse(root: Path) -> Dataset | str:
    try:
        return read_dataset(root)
    except DatasetError as error:
        return str(error)
