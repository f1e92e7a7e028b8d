"""Confusion: what classes are predicted as, against a plain count; tables and their shares."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from predicted import Said, lay_out_said
from scipy.sparse import csr_array

from labelgate.fixtures import confusion as module
from labelgate.fixtures.accuracy_tables import tabulate_confusions
from labelgate.fixtures.confusion import (
    Confusion,
    count_all,
    largest_cells,
    outside_groups,
    tabulate,
)
from labelgate.fixtures.protocols import number_groups
from labelgate.fixtures.statistics import clopper_pearson

WORDS = st.sampled_from(("ant", "bee", "cat", "dog", "yak", "zebu"))
SAID = st.lists(
    st.tuples(
        st.sampled_from(("train", "val")),
        st.sampled_from(("ant", "bee", "cat", "dog")),
        st.lists(WORDS, max_size=2, unique=True),
    ),
    min_size=1,
    max_size=60,
)


def confusions(images: Sequence[Said]) -> dict[str, Confusion]:
    dataset, predictions = lay_out_said(images)
    return {found.split: found for found in count_all(dataset, predictions)}


def plain(images: Sequence[Said], split: str) -> Counter[tuple[str, str]]:
    return Counter((str(label), said[0]) for of, label, said in images if of == split and said)


def as_counter(found: Confusion) -> Counter[tuple[str, str]]:
    words = found.vocabulary
    cells = zip(found.label, found.counts.indices, found.counts.data, strict=True)
    return Counter({(words[row], words[column]): int(n) for row, column, n in cells})


@settings(deadline=None)
@given(images=SAID)
def test_counts_are_those_of_a_plain_count(images: list[Said]) -> None:
    for split, found in confusions(images).items():
        assert as_counter(found) == plain(images, split)
        assert found.counts.shape[1] == len(found.vocabulary)


@settings(deadline=None)
@given(images=SAID)
def test_rows_sum_to_the_images_of_the_class(images: list[Said]) -> None:
    for split, found in confusions(images).items():
        n = Counter(label for of, label, said in images if of == split and said)
        classes = found.vocabulary[: found.counts.shape[0]]
        assert np.asarray(found.counts.sum(axis=1)).tolist() == [n[name] for name in classes]
        assert found.total.tolist() == [n[name] for name in classes]


@settings(deadline=None)
@given(images=SAID, data=st.data())
def test_another_order_of_images_changes_nothing(images: list[Said], data: Any) -> None:  # noqa: ANN401
    shuffled = data.draw(st.permutations(images))
    before, after = confusions(images), confusions(shuffled)
    assert {s: as_counter(f) for s, f in before.items()} == {
        s: as_counter(f) for s, f in after.items()
    }


@settings(deadline=None)
@given(images=SAID)
def test_each_cell_has_its_own_images(images: list[Said]) -> None:
    dataset, predictions = lay_out_said(images)
    for found in count_all(dataset, predictions):
        cells = zip(found.label.tolist(), found.counts.indices.tolist(), strict=True)
        for cell, (row, column) in enumerate(cells):
            own = np.flatnonzero(
                (dataset.label_index == row)
                & (predictions.top[:, 0] == column)
                & (dataset.split_index == dataset.splits.index(found.split))
            )
            assert found.images_of(cell) == own.tolist()


@settings(deadline=None)
@given(images=SAID)
def test_wrong_cells_come_largest_first(images: list[Said]) -> None:
    for split, found in confusions(images).items():
        counts = plain(images, split)
        for label, name in enumerate(found.vocabulary[: found.counts.shape[0]]):
            wrong = [(-n, to) for (of, to), n in counts.items() if of == name != to]
            order = {word: i for i, word in enumerate(found.vocabulary)}
            expected = [to for _, to in sorted(wrong, key=lambda each: (each[0], order[each[1]]))]
            cells = found.wrong(label)
            assert [found.vocabulary[found.counts.indices[cell]] for cell in cells] == expected


@settings(deadline=None)
@given(images=SAID)
def test_the_largest_cell_outside_groups_is_that_of_a_plain_search(images: list[Said]) -> None:
    dataset, predictions = lay_out_said(images, ("ant", "bee"))
    for found in count_all(dataset, predictions):
        group = number_groups(dataset.groups, found.vocabulary)
        cells = largest_cells(found, outside_groups(found, group))
        counts = plain(images, found.split)
        for name, cell in zip(dataset.labels, cells.tolist(), strict=True):
            known = {name} | ({"ant", "bee"} if name in ("ant", "bee") else set())
            sizes = [n for (of, to), n in counts.items() if of == name and to not in known]
            assert (int(found.counts.data[cell]) if cell >= 0 else 0) == max(sizes, default=0)


def test_a_table_of_chosen_classes_has_the_published_shares() -> None:
    """Tabby, tiger cat and tiger of ImageNet-1k's train, in tenths of a per cent."""
    rows = {"tabby": (764, 85, 0, 151), "tiger_cat": (572, 69, 238, 121), "tiger": (1, 0, 992, 7)}
    images: list[Said] = [
        ("train", label, [to])
        for label, counts in rows.items()
        for to, n in zip((*rows, "lynx"), counts, strict=True)
        for _ in range(n)
    ]
    found = confusions(images)["train"]
    chosen = [found.vocabulary.index(name) for name in rows]
    shares = tabulate(found.counts, chosen, chosen)
    assert shares.tolist() == [[n / 1000 for n in counts] for counts in rows.values()]


@settings(deadline=None)
@given(images=SAID, columns=st.lists(st.integers(0, 3), unique=True))
def test_the_shares_of_a_row_sum_to_one(images: list[Said], columns: list[int]) -> None:
    for found in confusions(images).values():
        columns = [column for column in columns if column < len(found.vocabulary)]
        rows = list(range(found.counts.shape[0]))
        sums = tabulate(found.counts, rows, columns).sum(axis=1)
        assert np.isnan(sums).tolist() == (found.total == 0).tolist()
        assert sums[found.total > 0] == pytest.approx(1)


def test_a_table_of_too_many_classes_is_refused() -> None:
    counts, many = csr_array((200, 200), dtype=np.int64), range(module.DENSE + 1)
    for rows, columns in ((many, [0]), ([0], many), ([0], [1, 1])):
        with pytest.raises(ValueError, match="can be laid out"):
            tabulate(counts, list(rows), list(columns))
    assert tabulate(counts, [], []).shape == (0, 1)


@settings(deadline=None)
@given(images=SAID)
def test_the_evidence_has_every_cell_beside_the_diagonal(images: list[Said]) -> None:
    dataset, predictions = lay_out_said(images, ("ant", "bee"))
    table = tabulate_confusions(dataset, count_all(dataset, predictions), 0.95)
    expected = {
        (split, of, to, n)
        for split in dataset.splits
        for (of, to), n in plain(images, split).items()
        if of != to
    }
    columns = ["split", "class", "predicted", "count"]
    assert set(table[columns].itertuples(index=False, name=None)) == expected
    assert len(table) == len(expected)
    for row in table.itertuples():
        low, high = clopper_pearson(row.count, row.n, 0.95)
        assert (row.low, row.high) == (round(float(low), 4), round(float(high), 4))
        assert row.share == round(row.count / row.n, 4)


def test_the_evidence_tells_which_pairs_a_declared_group_has() -> None:
    images: list[Said] = [("val", "ant", ["bee"]), ("val", "bee", ["cat"]), ("val", "cat", ["yak"])]
    dataset, predictions = lay_out_said(images, ("ant", "bee"))
    table = tabulate_confusions(dataset, count_all(dataset, predictions), 0.95)
    assert table[["class", "predicted", "same_group"]].to_numpy().tolist() == [
        ["ant", "bee", True], ["bee", "cat", False], ["cat", "yak", False],
    ]  # fmt: skip


def test_splits_without_labels_and_predictors_that_say_nothing_have_no_confusion() -> None:
    dataset, predictions = lay_out_said([("test", None, ["ant"])])
    assert count_all(dataset, predictions) == []
    assert len(tabulate_confusions(dataset, [], 0.95)) == 0
    dataset, predictions = lay_out_said([("val", "ant", [])])
    (found,) = count_all(dataset, predictions)
    assert found.counts.nnz == 0
    assert found.wrong(0).tolist() == []
