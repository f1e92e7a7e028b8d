"""Names by their vectors: two that are each other's nearest, far beyond all others, and no more."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelgate.fixtures import name_vectors
from labelgate.fixtures.dataset import SplitNames, assemble
from labelgate.fixtures.declarations import ProblemGroup
from labelgate.fixtures.name_vectors import FAR, find_near_names
from labelgate.fixtures.taxonomy import ask_witnesses
from labelgate.fixtures.witnesses import SYNONYM


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def spread(names: int, seed: int = 0) -> np.ndarray:
    """Names that have hardly anything in common."""
    return unit(np.eye(names) + 0.01 * np.random.default_rng(seed).standard_normal((names, names)))


def pairs(names: list[str], vectors: np.ndarray) -> set[tuple[int, int]]:
    return {(each.label, each.other) for each in find_near_names("clip", names, vectors)}


def slow(names: list[str], vectors: np.ndarray) -> set[tuple[int, int]]:
    """The rule as it is said, over the whole matrix."""
    product = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    other = np.array([[a.lower() != b.lower() for a in names] for b in names])
    if not other.any():
        return set()
    values = product[other]
    least = values.mean() + FAR * values.std()
    masked = np.where(other, product, -np.inf)
    nearest = masked.argmax(1)
    return {
        (a, int(b))
        for a, b in enumerate(nearest)
        if nearest[b] == a and masked[a, b] > least and masked[a, b] > -np.inf
    }


def test_one_near_pair_among_many_is_found_in_both_directions() -> None:
    vectors = spread(20)
    vectors[7] = unit(vectors[3:4] + 0.3 * vectors[7:8])[0]
    names = [f"name {i}" for i in range(20)]
    found = list(find_near_names("clip", names, vectors))
    assert {(each.label, each.other) for each in found} == {(3, 7), (7, 3)}
    assert {(each.relation, each.enough, each.witness) for each in found} == {
        (SYNONYM, False, "text vectors of clip")
    }
    assert found[0].detail.startswith("cosine 0.95")
    assert "'name 3' and 'name 7', 0.00" in found[0].detail


def test_equal_names_are_no_pair_and_hide_none() -> None:
    vectors = spread(20)
    vectors[7] = vectors[3]
    names = [f"name {i}" for i in range(20)]
    names[7] = names[3].upper()
    assert pairs(names, vectors) == set()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4])
def test_few_names_have_no_outlier(count: int) -> None:
    vectors = spread(5)[:count]
    if count > 1:
        vectors[1] = vectors[0]
    assert pairs([f"name {i}" for i in range(count)], vectors) == set()


@pytest.mark.parametrize(("categories", "value"), [((), None), ((5,), 1), ((2,), 1)])
def test_its_word_counts_with_that_of_another_witness(
    categories: tuple[int, ...], value: int | None
) -> None:
    labels = tuple(f"name {i}" for i in range(20))
    split = SplitNames("val", [f"val/{label}" for label in labels], list(labels))
    dataset = assemble("named", Path("/"), [split], frozenset(labels))
    groups = (ProblemGroup("g", ("name 3", "name 7"), categories),) if categories else ()
    vectors, three, seven = spread(20), *map(dataset.labels.index, ("name 3", "name 7"))
    vectors[seven] = unit(vectors[[three]] + 0.3 * vectors[[seven]])[0]
    texts = {"clip": vectors}
    found = ask_witnesses(replace(dataset, groups=groups), None, (), texts)
    rows = {row.subject: row for row in found.measurements() if row.property == "no_near_synonyms"}
    assert rows["name 3"].value == rows["name 7"].value == value
    assert rows["name 4"].value == 0
    if value is None:
        assert "text vectors of clip" in rows["name 3"].reason


@given(count=st.integers(2, 40), seed=st.integers(0, 1_000), block=st.sampled_from([1, 64, 2**23]))
def test_blocks_find_what_the_rule_says(count: int, seed: int, block: int) -> None:
    random = np.random.default_rng(seed)
    vectors = unit(random.standard_normal((count, 6)) + 2)
    vectors[random.integers(count)] = unit(vectors[:1] + 1e-3)[0]
    names = [f"name {i % max(2, count - 2)}" for i in range(count)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(name_vectors, "BLOCK", block)
        assert pairs(names, vectors) == slow(names, vectors)
