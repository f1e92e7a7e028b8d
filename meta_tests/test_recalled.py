"""What a zero-shot model says is stored: a label costs one image, a picture itself, a name all."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from labelgate.fixtures.dataset import Dataset, SplitNames, assemble
from labelgate.fixtures.out_of_sample import from_names
from labelgate.fixtures.predictors import readings, recalled, retaken
from labelgate.fixtures.predictors.readings import make_reader
from labelgate.fixtures.predictors.recalled import Memory
from labelgate.fixtures.predictors.retaken import retake_stored
from labelgate.fixtures.predictors.scoring import score_blocks
from labelgate.fixtures.predictors.texts import Texts
from labelgate.fixtures.predictors.zero_shot import ZeroShot
from labelgate.fixtures.renaming import Names
from labelgate.fixtures.store import open_store

CLASSES, IMAGES = 6, 40


def silent(_title: str, _total: int | None) -> Any:  # noqa: ANN401
    return nullcontext(lambda done: None)


def unit(rng: np.random.Generator, rows: int) -> NDArray[np.float32]:
    vectors = rng.normal(size=(rows, 8))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def lay_out(images: int) -> Dataset:
    labels = [f"c{i % CLASSES}" for i in range(images)]
    return assemble(
        "memory", Path("/n"), [SplitNames("val", [f"{i:03}" for i in range(images)], labels)]
    )


def open_by_hand(store: Path, images: int, seed: int = 0) -> ZeroShot:
    """Images are known by their number; two classes have one name, and there is one other name."""
    rng = np.random.default_rng(0)
    vectors = unit(rng, 1000)[:images].astype(np.float16)
    content = np.zeros((images, 32), np.uint8)
    content[:, 0], content[:, 1] = np.arange(images), 7
    place = {f"c{i}": min(i, CLASSES - 2) for i in range(CLASSES)} | {"other": CLASSES - 1}
    texts = Texts(unit(np.random.default_rng(seed), CLASSES), place, 20.0, 0.0, 0, 0)
    memory = Memory(open_store(store), "vectors-by-hand", content, silent)
    return ZeroShot("clip", vectors, np.arange(images), texts, memory)


NAMES = Names(
    official=np.array([0, 1, 2, 3, 4, 4]),
    sets=np.array([[1, 0, 2, 3, 4, 4]]),
    label=np.array([0, 3]),
    synonym=np.array([5, 5]),
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images were scored, each time that some were."""
    told: list[int] = []

    def counting(vectors: Any, rows: Any, *rest: Any) -> Any:  # noqa: ANN401
        if len(rows):
            told.append(len(rows))
        return score_blocks(vectors, rows, *rest)

    for module in (readings, retaken):
        monkeypatch.setattr(module, "score_blocks", counting)
    return told


def say_all(opened: ZeroShot, dataset: Dataset) -> list[NDArray[Any]]:
    """Everything that is stored, as arrays."""
    read = make_reader(opened, dataset).read()
    told = [read.top, read.scores, read.likeliest, read.probability]
    told += from_names(opened, dataset).summarise(dataset.label_index)
    taken = retake_stored(opened, np.arange(len(dataset.paths)), NAMES, silent)
    return [*told, taken.official, *taken.sets, taken.image, taken.synonym, taken.other]


def assert_equal(found: list[NDArray[Any]], expected: list[NDArray[Any]]) -> None:
    assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


def flip(dataset: Dataset, image: int) -> Dataset:
    labels = dataset.label_index.copy()
    labels[image] = (labels[image] + 1) % CLASSES
    return replace(dataset, label_index=labels)


def test_a_second_run_scores_nothing_and_a_flipped_label_one_image(
    tmp_path: Path, asked: list[int]
) -> None:
    dataset, opened = lay_out(IMAGES), open_by_hand(tmp_path, IMAGES)
    first = say_all(opened, dataset)
    assert asked == [IMAGES] * 3
    assert_equal(say_all(opened, dataset), first)
    assert asked == [IMAGES] * 3
    assert_equal(say_all(replace(opened, memory=None), dataset), first)
    del asked[:]
    flipped = flip(dataset, 5)
    found = say_all(opened, flipped)
    assert asked == [1]
    for mine, fresh in zip(found, say_all(replace(opened, memory=None), flipped), strict=True):
        np.testing.assert_allclose(mine, fresh, rtol=1e-6)


def test_new_images_are_scored_and_no_others_whatever_their_order(
    tmp_path: Path, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recalled, "AT_ONCE", 3)
    say_all(open_by_hand(tmp_path, IMAGES - 10), lay_out(IMAGES - 10))
    del asked[:]
    dataset, opened = lay_out(IMAGES), open_by_hand(tmp_path, IMAGES)
    turned = replace(opened, row=opened.row[::-1])
    assert opened.memory is not None
    turned = replace(turned, memory=replace(opened.memory, content=opened.memory.content[::-1]))
    found = say_all(turned, dataset)
    assert (sum(asked), max(asked)) == (10 + 10 + IMAGES, 3)  # other labels, by position
    for mine, fresh in zip(found, say_all(replace(turned, memory=None), dataset), strict=True):
        np.testing.assert_allclose(mine, fresh, rtol=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        lambda opened: replace(opened, memory=replace(opened.memory, vectors="others")),
        lambda opened: replace(opened, texts=replace(opened.texts, scale=21.0)),
        lambda opened: replace(opened, texts=replace(opened.texts, vectors=-opened.texts.vectors)),
    ],
    ids=["vectors", "scale", "names"],
)
def test_other_vectors_or_names_are_asked_again(
    tmp_path: Path, asked: list[int], change: Callable[[Any], ZeroShot]
) -> None:
    dataset, opened = lay_out(IMAGES), open_by_hand(tmp_path, IMAGES)
    say_all(opened, dataset)
    other = change(opened)
    assert_equal(say_all(other, dataset), say_all(replace(other, memory=None), dataset))
    assert asked == [IMAGES] * 10  # without a store the same is asked twice


def test_a_damaged_part_is_asked_again(tmp_path: Path, asked: list[int]) -> None:
    dataset, opened = lay_out(IMAGES), open_by_hand(tmp_path, IMAGES)
    first = say_all(opened, dataset)
    for part in tmp_path.glob("v1/readings-*/part-*"):
        part.write_bytes(part.read_bytes()[:-1])
    assert_equal(say_all(opened, dataset), first)
    assert asked == [IMAGES] * 4
