"""Problem groups found in a confusion: planted ones and no others; directions; agreement."""

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from predicted import Said, lay_out_said, measure_accuracy
from scipy.sparse import csr_array
from scipy.stats import binomtest

from labelgate.fixtures import clusters as module
from labelgate.fixtures.clusters import LARGEST, find_clusters, measure_likeness
from labelgate.fixtures.directions import SUBSET, SYNONYM, compare_shares, find_directions
from labelgate.fixtures.groups import agree, to_document
from labelgate.fixtures.readers import read_dataset

Cell = tuple[int, int, int]
"""Images of a class that are predicted as another one: row, column, how many."""


def confuse(classes: int, cells: Sequence[Cell], n: int = 50) -> csr_array:
    """A confusion of classes with n images each, right but for these cells."""
    counts = np.zeros((classes, classes), np.int64)
    for row, column, wrong in cells:
        counts[row, column] += wrong
    np.fill_diagonal(counts, n - counts.sum(axis=1))
    assert (counts >= 0).all()
    return csr_array(counts)


def clusters(counts: csr_array) -> list[list[int]]:
    return [group.tolist() for group in find_clusters(*measure_likeness(counts))]


def both_ways(*classes: int, wrong: int) -> list[Cell]:
    pairs = list(combinations(classes, 2))
    return [cell for a, b in pairs for cell in ((a, b, wrong), (b, a, wrong))]


# --- found --------------------------------------------------------------------------------------


@settings(deadline=None)
@given(sizes=st.lists(st.integers(2, 10), max_size=5), seed=st.integers(0, 2**32 - 1))
def test_planted_groups_are_found_whatever_the_order_of_classes(
    sizes: list[int], seed: int
) -> None:
    """Half of the errors of a planted group go to its other classes, evenly; noise everywhere."""
    rng, classes = np.random.default_rng(seed), sum(sizes) + 10
    order, cells, planted, start = rng.permutation(classes), [], [], 0
    for size in sizes:
        group = order[start : start + size].tolist()
        cells += both_ways(*group, wrong=300 // (size - 1))
        planted.append(sorted(group))
        start += size
    cells += [(a, b, 2) for a in range(classes) for b in rng.integers(classes, size=9) if a != b]
    assert clusters(confuse(classes, cells, n=600)) == sorted(planted)


def test_a_clean_confusion_has_no_groups() -> None:
    assert clusters(confuse(20, [])) == []
    spread_out = [(a, b, 2) for a in range(30) for b in range(30) if a != b]
    assert clusters(confuse(30, spread_out, n=100)) == []  # 58 % errors, everywhere


def test_single_images_are_no_pattern() -> None:
    lone = [(a, b, 1) for a, b in combinations(range(8), 2) if a // 4 == b // 4]
    assert clusters(confuse(8, lone, n=10)) == []


@pytest.mark.parametrize(("wrong", "found"), [(9, []), (10, [[0, 1]]), (11, [[0, 1]])])
def test_a_group_starts_at_a_class_with_many_errors(wrong: int, found: list[list[int]]) -> None:
    """20 % of 50 images; the other class has no errors at all."""
    assert clusters(confuse(20, [(0, 1, wrong)])) == found


def test_the_published_cats_are_one_group_with_the_tiger_that_has_no_errors() -> None:
    counts = np.zeros((43, 43), np.int64)
    counts[:3, :3] = [(764, 85, 0), (572, 69, 238), (1, 0, 992)]
    counts[:3, 3:] = [[151 // 40], [121 // 40], [0]]  # "other", which is many classes
    likeness, least = measure_likeness(csr_array(counts))
    assert least == module.LEAST_SHARE
    assert [group.tolist() for group in find_clusters(likeness, least)] == [[0, 1, 2]]


def test_a_chain_of_more_than_ten_classes_is_cut() -> None:
    chain = [cell for a in range(24) for cell in both_ways(a, a + 1, wrong=20)]
    found = clusters(confuse(40, chain))
    assert all(2 <= len(group) <= LARGEST for group in found)
    assert sorted(c for group in found for c in group) == list(range(25))


def test_fifteen_classes_that_are_all_alike_are_cut_to_ten_at_most() -> None:
    found = clusters(confuse(60, both_ways(*range(15), wrong=30), n=500))
    assert all(2 <= len(group) <= LARGEST for group in found)
    assert sorted(c for group in found for c in group) == list(range(15))


def test_groups_of_a_large_component_are_sought_at_a_higher_likeness(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "DENSE", 3)
    weak = [(1, 2, 6), (3, 4, 6), (5, 6, 6), (2, 1, 6)]
    strong = [cell for a in (0, 2, 4, 6) for cell in both_ways(a, a + 1, wrong=20)]
    assert clusters(confuse(60, weak + strong)) == [[0, 1], [2, 3], [4, 5], [6, 7]]


def test_what_only_the_predictor_knows_is_in_no_group() -> None:
    counts = csr_array(np.array([[5, 0, 20, 0], [0, 25, 0, 0]]))
    assert clusters(counts) == []


# --- directions ---------------------------------------------------------------------------------


@settings(deadline=None)
@given(counts=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=5))
def test_equal_shares_of_equal_classes_are_tested_by_the_exact_sign_test(
    counts: list[tuple[int, int]],
) -> None:
    found = compare_shares(np.array(counts), np.full((len(counts), 2), 50), times=1)
    assert found.tolist() == [
        pytest.approx(binomtest(a, a + b).pvalue) if a + b else 1 for a, b in counts
    ]


def test_a_direction_tells_subsets_from_synonyms() -> None:
    """Tuskers are called elephants, laptops and notebooks each other; too few tell nothing."""
    cells = [(0, 1, 30), (1, 0, 2), (2, 3, 20), (3, 2, 24), (4, 5, 2)]
    groups = [np.array(pair) for pair in ([0, 1], [2, 3], [4, 5])]
    found = find_directions(confuse(6, cells), groups, 0.05)
    assert found.pairs.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert found.category.tolist() == [SUBSET, SYNONYM, 0]
    assert found.subset.tolist() == [0, -1, -1]
    turned = find_directions(confuse(6, [(b, a, n) for a, b, n in cells]), groups, 0.05)
    assert turned.subset.tolist() == [1, -1, -1]


def test_unequal_classes_are_compared_by_shares() -> None:
    totals = np.array([[1000, 100]])
    assert compare_shares(np.array([[90, 9]]), totals, times=1)[0] > 0.9
    assert compare_shares(np.array([[90, 27]]), totals)[0] > 0.5
    assert compare_shares(np.array([[90, 90]]), totals)[0] < 1e-9


@pytest.mark.parametrize(
    ("counts", "category"), [((446, 172), SYNONYM), ((572, 85), SUBSET), ((238, 0), SUBSET)]
)
def test_published_pairs_are_synonyms_or_subsets_by_how_one_sided_they_are(
    counts: tuple[int, int], category: int
) -> None:
    """Laptop and notebook, tiger cat and tabby, tiger cat and tiger, of 1,000 images each."""
    cells = [(0, 1, counts[0]), (1, 0, counts[1])]
    found = find_directions(confuse(2, cells, n=1000), [np.array([0, 1])], 0.05)
    assert found.category.tolist() == [category]


def test_no_groups_have_no_directions() -> None:
    assert len(find_directions(confuse(4, []), [], 0.05).pairs) == 0


# --- agreement ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "declared", "rand", "f1"),
    [
        ([0, 0, 1, 1, -1], [1, 1, 0, 0, -1], 1.0, 1.0),
        ([-1] * 5, [-1] * 5, 1.0, 1.0),
        ([-1] * 5, [0, 0, -1, -1, -1], 0.0, 0.0),
        ([0, 0, 0, -1, -1], [0, 0, -1, -1, -1], 0.0, 0.5),
        ([0, 0, 1, 1, -1], [0, 0, -1, 1, 1], (1 - 4 / 10) / (2 - 4 / 10), 0.5),
    ],
)
def test_agreement_is_over_classes_in_a_group_of_either(
    found: list[int], declared: list[int], rand: float, f1: float
) -> None:
    assert agree(np.array(found), np.array(declared)) == pytest.approx((rand, f1))


@settings(deadline=None)
@given(data=st.data(), n=st.integers(1, 12))
def test_pairs_of_classes_agree_as_in_a_plain_count(data: Any, n: int) -> None:  # noqa: ANN401
    numbers = st.lists(st.integers(-1, 3), min_size=n, max_size=n)
    ours, theirs = data.draw(numbers), data.draw(numbers)
    pairs = [
        {(i, j) for i, j in combinations(range(n), 2) if of[i] == of[j] >= 0}
        for of in (ours, theirs)
    ]
    total = len(pairs[0]) + len(pairs[1])
    expected = 2 * len(pairs[0] & pairs[1]) / total if total else None
    f1 = agree(np.array(ours), np.array(theirs))[1]
    assert expected is None or f1 == pytest.approx(expected)
    assert agree(np.array(theirs), np.array(ours))[1] == f1


# --- told ---------------------------------------------------------------------------------------

PETS: list[Said] = [
    *[("val", of, [to]) for of, to in (("tabby", "tiger_cat"), ("tiger_cat", "tabby"))] * 12,
    *[("val", name, [name]) for name in ("tabby", "tiger_cat", "lynx", "puma")] * 12,
    *[("val", "tusker", ["elephant"])] * 25,
    *[("val", name, [name]) for name in ("tusker", "elephant", "elephant")] * 20,
    *[("val", f"thing_{i % 40}", [f"thing_{i % 40}"]) for i in range(400)],
]


def test_found_groups_can_be_declared_as_they_are_written(tmp_path: Path) -> None:
    dataset, said = lay_out_said(PETS)
    found = measure_accuracy(dataset, said)
    document = found.evidence()["groups.json"].to_dict("records")
    for label in dataset.labels:
        (tmp_path / "val" / label).mkdir(parents=True)
        (tmp_path / "val" / label / "1").touch()
    (tmp_path / "groups.json").write_text(json.dumps(document))
    (tmp_path / "classes.csv").write_text("\n".join(["class", *dataset.labels]))
    (tmp_path / "dataset.toml").write_text(
        '[splits.val]\nimages = "val"\n[classes]\ntable = "classes.csv"\ngroups = "groups.json"\n'
    )
    declared = read_dataset(tmp_path / "dataset.toml").groups
    assert [(group.name, group.classes, group.categories) for group in declared] == [
        ("elephant / tusker", ("elephant", "tusker"), (SUBSET,)),
        ("tabby / tiger cat", ("tabby", "tiger_cat"), (SYNONYM,)),
    ]


def test_a_class_is_in_one_written_group_only_whoever_found_it() -> None:
    dataset, said = lay_out_said(PETS)
    again = replace(said, predictor="knn")
    found = measure_accuracy(dataset, said, again)
    assert len(to_document(dataset, found.groups)) == len(found.groups[0].groups) == 2
    table = found.evidence()["groups.csv"]
    assert table["predictor"].tolist() == ["clip"] * 2 + ["knn"] * 2
    assert table["subset"].tolist() == ["tusker", "", "tusker", ""]


def test_groups_of_one_name_are_told_by_the_ids_of_their_classes() -> None:
    dataset, said = lay_out_said(PETS)
    names = {"elephant": "cat", "tusker": "cat", "tabby": "cat", "tiger_cat": "cat"}
    dataset = replace(dataset, class_columns={"name": names})
    told = to_document(dataset, measure_accuracy(dataset, said).groups)["name"].tolist()
    assert told == ["elephant / tusker", "tabby / tiger_cat"]


def test_figures_tell_how_found_groups_agree_with_declared_ones() -> None:
    dataset, said = lay_out_said(PETS, ("tabby", "tiger_cat"), ("lynx", "puma"))
    told = dict(measure_accuracy(dataset, said).figures())
    assert told["declared problem groups"] == 2
    assert told["problem groups that errors of clip show"] == 2
    which = "agreement of groups that errors of clip show with declared ones"
    assert told[f"{which}, F1 of pairs of classes"] == 0.5
    assert told[f"{which}, adjusted Rand index"] == pytest.approx(
        (1 - 4 / 15) / (2 - 4 / 15), abs=1e-4
    )
