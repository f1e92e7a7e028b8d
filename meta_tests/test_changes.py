"""What changed between two releases: every planted change is found, and nothing else is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelgate.fixtures.change_kinds import KINDS, is_training
from labelgate.fixtures.change_tables import COLUMNS, list_changes
from labelgate.fixtures.changes import Changes, compare_releases, confirm
from labelgate.fixtures.class_changes import FOLLOWS, ClassChanges
from labelgate.fixtures.declarations import Review
from labelgate.fixtures.inventory import COLUMNS as IMAGE
from labelgate.fixtures.inventory import Inventory, list_images

SPLITS = ("train", "val", "test")
CLASSES = ("cat", "dog", "owl")


@dataclass(frozen=True)
class Image:
    path: str
    split: str
    label: str | None
    content: str | None
    pixels: str | None


def image(path: str, label: str | None = "cat", split: str = "train", pixels: str = "") -> Image:
    known = pixels or f"pixels of {path}"
    return Image(path, split, label, f"bytes of {known}", known)


def unknown(path: str, label: str | None = "cat", split: str = "train") -> Image:
    return Image(path, split, label, None, None)


def listed(images: Sequence[Image], **beside: Any) -> Inventory:  # noqa: ANN401
    return list_images({name: [getattr(i, name) for i in images] for name in IMAGE.names}, **beside)


def compare(before: Sequence[Image], after: Sequence[Image]) -> Changes:
    return compare_releases(listed(before), listed(after))


def told(changes: Changes) -> list[tuple[str, ...]]:
    rows = list_changes(changes).to_pylist()
    return [tuple(row[name] for name in COLUMNS if row[name]) for row in rows]


def kinds(changes: Changes) -> dict[str, int]:
    return {kind: n for kind, n in changes.counts().items() if n}


ANY = st.builds(
    image,
    st.text("ab/", min_size=1, max_size=4),
    st.sampled_from([*CLASSES, None]),
    st.sampled_from(SPLITS),
    st.sampled_from(["p", "q", "r", ""]),
)
RELEASES = st.lists(
    st.one_of(ANY, ANY, st.builds(unknown, st.text("ab", min_size=1, max_size=3))),
    unique_by=lambda each: each.path,
    max_size=12,
)


@given(RELEASES)
def test_a_release_differs_in_nothing_from_itself(images: list[Image]) -> None:
    changes = compare(images, images)
    assert kinds(changes) == {}
    assert list_changes(changes).num_rows == 0


@given(RELEASES, RELEASES, st.randoms())
def test_the_order_of_rows_plays_no_part(
    before: list[Image],
    after: list[Image],
    random: Any,  # noqa: ANN401
) -> None:
    shuffled = random.sample(before, len(before)), random.sample(after, len(after))
    assert told(compare(before, after)) == told(compare(*shuffled))


@given(RELEASES, RELEASES)
def test_exchanging_the_releases_exchanges_what_is_told(
    before: list[Image], after: list[Image]
) -> None:
    there, back = compare(before, after), compare(after, before)
    pairs = {"added": "removed", "labelled": "unlabelled"}
    pairs |= {other: kind for kind, other in pairs.items()}
    for kind in KINDS:
        turned = back.kinds[pairs.get(kind, kind)][:, ::-1]
        assert sorted(there.kinds[kind].tolist()) == sorted(turned.tolist())
    assert there.classes == ClassChanges(
        added=back.classes.removed,
        removed=back.classes.added,
        renamed=tuple(sorted((n, o) for o, n in back.classes.renamed)),
        merged=tuple(sorted((parts, whole) for whole, parts in back.classes.split)),
        split=tuple(sorted((whole, parts) for parts, whole in back.classes.merged)),
    )


@given(RELEASES, RELEASES)
def test_every_image_is_kept_added_removed_or_replaced(
    before: list[Image], after: list[Image]
) -> None:
    changes = compare(before, after)
    counts = {kind: len(rows) for kind, rows in changes.kinds.items()}
    assert len(changes.kept) + counts["removed"] + counts["replaced"] == len(before)
    assert len(changes.kept) + counts["added"] + counts["replaced"] == len(after)
    assert all(len(np.unique(column)) == len(column) for column in changes.kept.T)


MUTATIONS: Mapping[str, Callable[[Image], Image]] = {
    "flipped": lambda i: replace(i, label="dog" if i.label == "cat" else "cat"),
    "flipped under another path": lambda i: replace(i, label="owl", path=f"owl/{i.path}"),
    "moved": lambda i: replace(i, split="val"),
    "moved under another path": lambda i: replace(i, split="val", path=f"val/{i.path}"),
    "renamed": lambda i: replace(i, path=f"z{i.path}"),
    "replaced": lambda i: replace(i, pixels=f"other {i.pixels}", content=f"other {i.content}"),
    "unlabelled": lambda i: replace(i, label=None),
}


@given(st.lists(st.sampled_from([*MUTATIONS, "kept", "added", "removed"]), min_size=1, max_size=40))
def test_every_planted_change_is_found_and_nothing_else(plan: list[str]) -> None:
    before, after, planted = [], [], []
    for number, what in enumerate(plan):
        old = image(f"{number:03}", ("cat", "dog")[number % 2])
        new = MUTATIONS[what](old) if what in MUTATIONS else old
        before += [old] * (what != "added")
        after += [new] * (what != "removed")
        planted += [(what.split()[0], old.path, new.path)] * (what != "kept")
    # enough of each class stays for no class to be renamed, merged or split
    still = [image(f"still {label} {i}", label) for label in CLASSES for i in range(400)]
    changes = compare([*before, *still], [*after, *still])
    found = [
        (row["change"], row["path_before"] or row["path"], row["path"] or row["path_before"])
        for row in list_changes(changes).to_pylist()
    ]
    assert sorted(found) == sorted(planted)
    assert changes.leaked == sum(what.startswith("moved") for what in plan)
    assert changes.classes == ClassChanges()


def test_a_flip_in_class_folders_is_a_flip_and_no_rename() -> None:
    others = [image(f"train/{label}/{i}", label) for label in CLASSES for i in range(20)]
    before = [*others, image("train/cat/x", "cat", pixels="p")]
    after = [*others, image("train/dog/x", "dog", pixels="p")]
    assert told(compare(before, after)) == [
        ("flipped", "train/cat/x", "train/dog/x", "train", "train", "cat", "dog", "no")
    ]


def test_an_image_that_moved_and_was_flipped_is_told_twice() -> None:
    others = [image(f"{label}{i}", label) for label in CLASSES for i in range(20)]
    changes = compare([*others, image("x", "cat", "train")], [*others, image("x", "dog", "val")])
    assert [row[0] for row in told(changes)] == ["moved", "flipped"]
    assert changes.leaked == 1


def test_exchanged_files_are_two_flips() -> None:
    others = [image(f"{label}{i}", label) for label in CLASSES for i in range(20)]
    before = [*others, image("cat", "cat", pixels="p"), image("dog", "dog", pixels="q")]
    after = [*others, image("cat", "cat", pixels="q"), image("dog", "dog", pixels="p")]
    assert kinds(compare(before, after)) == {"flipped": 2}


@pytest.mark.parametrize("known", [(0,), (1,), ()], ids=str)
def test_an_image_whose_pixels_one_release_does_not_know_is_the_one_of_its_path(
    known: tuple[int, ...],
) -> None:
    sides = [image("a") if side in known else unknown("a") for side in (0, 1)]
    assert kinds(compare([sides[0]], [sides[1]])) == {}


def test_without_pixels_another_path_is_another_image() -> None:
    assert kinds(compare([unknown("a")], [unknown("b")])) == {"added": 1, "removed": 1}


def test_other_pixels_under_a_path_are_another_image() -> None:
    assert kinds(compare([image("a", pixels="p")], [image("a", pixels="q")])) == {"replaced": 1}


def test_equal_bytes_are_the_same_image_whatever_the_decoder_made_of_them() -> None:
    old, new = replace(image("a"), content="same"), replace(image("a", pixels="q"), content="same")
    assert kinds(compare([old], [new])) == {}


def test_releases_of_two_decoders_are_compared_by_their_bytes() -> None:
    old = [replace(image("a", pixels="p"), content="one"), image("b", pixels="q")]
    new = [replace(image("c", pixels="P"), content="one"), image("b", pixels="q")]
    changes = compare_releases(listed(old, decoder="1"), listed(new, decoder="2"))
    assert kinds(changes) == {"renamed": 1}


def test_of_equal_pixels_those_pair_that_agree_in_split_and_label_then_by_path() -> None:
    before = [image(path, label, pixels="p") for path, label in (("1", "cat"), ("2", "dog"))]
    after = [image(path, label, pixels="p") for path, label in (("3", "dog"), ("4", "cat"))]
    assert told(compare(before, after)) == [
        ("renamed", "2", "3", "train", "train", "dog", "dog"),
        ("renamed", "1", "4", "train", "train", "cat", "cat"),
    ]
    twins = [image(path, pixels="p") for path in "12"], [image(path, pixels="p") for path in "34"]
    pairs = [row[1:3] for row in told(compare(*twins))]
    assert pairs == [("1", "3"), ("2", "4")]


def relabelled(old: str, new: str, images: int, start: int = 0) -> tuple[list[Image], list[Image]]:
    paths = [f"{old}-{new}-{start + i}" for i in range(images)]
    return [image(p, old, pixels=p) for p in paths], [image(p, new, pixels=p) for p in paths]


def releases(*moves: tuple[str, str, int]) -> Changes:
    sides = [relabelled(*move) for move in moves]
    return compare(*([i for side in sides for i in side[n]] for n in (0, 1)))


def test_a_renamed_class_is_no_flip() -> None:
    changes = releases(("cat", "tomcat", 10), ("dog", "dog", 10))
    assert changes.classes == ClassChanges(renamed=(("cat", "tomcat"),))
    assert kinds(changes) == {"classes_renamed": 1}


@pytest.mark.parametrize(("flips", "renamed"), [(0, True), (1, True), (2, False)])
def test_a_class_is_renamed_if_nine_of_ten_images_follow(flips: int, renamed: bool) -> None:
    changes = releases(("cat", "tomcat", 10 - flips), ("cat", "dog", flips), ("dog", "dog", 50))
    assert FOLLOWS == 0.9
    assert changes.classes.renamed == ((("cat", "tomcat"),) if renamed else ())
    assert len(changes.kinds["flipped"]) == (flips if renamed else 10)


@pytest.mark.parametrize(("others", "renamed"), [(1, True), (2, False)])
def test_a_class_is_renamed_if_nine_of_ten_of_its_images_come_from_it(
    others: int, renamed: bool
) -> None:
    changes = releases(("cat", "pet", 10 - others), ("dog", "pet", others), ("dog", "dog", 50))
    assert changes.classes.renamed == ((("cat", "pet"),) if renamed else ())


def test_a_class_that_takes_images_of_others_with_its_new_name_is_not_renamed() -> None:
    changes = releases(("cat", "pet", 10), ("dog", "pet", 2), ("dog", "dog", 50))
    assert changes.classes == ClassChanges(added=("pet",), removed=("cat",))
    assert kinds(changes)["flipped"] == 12


@pytest.mark.parametrize("whole", ["computer", "laptop"])
def test_merged_classes_are_flips(whole: str) -> None:
    changes = releases(("laptop", whole, 6), ("notebook", whole, 6), ("dog", "dog", 9))
    assert changes.classes == ClassChanges(merged=((("laptop", "notebook"), whole),))
    assert kinds(changes)["flipped"] == (12 if whole == "computer" else 6)


@pytest.mark.parametrize("whole", ["crane", "bird"])
def test_a_split_class_is_told_as_such_and_its_images_are_flips(whole: str) -> None:
    changes = releases((whole, "crane", 6), (whole, "excavator", 6), ("dog", "dog", 9))
    assert changes.classes == ClassChanges(split=((whole, ("crane", "excavator")),))
    assert kinds(changes)["flipped"] == (12 if whole == "bird" else 6)


def test_classes_without_images_are_added_and_removed_as_well() -> None:
    before, after = listed([image("a")], classes=["yak"]), listed([image("a")], classes=["zebra"])
    classes = compare_releases(before, after).classes
    assert classes == ClassChanges(added=("zebra",), removed=("yak",))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [("val", "validation", {}), ("train", "training", {}), ("train", "val", {"moved": 2})],
)
def test_a_renamed_split_moves_nothing_unless_its_kind_changes(
    old: str, new: str, expected: dict[str, int]
) -> None:
    before, after = [image(p, split=old) for p in "ab"], [image(p, split=new) for p in "ab"]
    changes = compare(before, after)
    leaked = {"moved_into_evaluation": 2} if expected else {}
    assert kinds(changes) == expected | leaked


def test_a_split_that_lost_an_image_to_another_one_is_not_renamed() -> None:
    before = [image(p, split="val") for p in "ab"] + [image("c", split="test")]
    after = [image("a", split="dev"), image("b", split="test"), image("c", split="test")]
    assert kinds(compare(before, after)) == {"moved": 2}


@pytest.mark.parametrize(
    ("split", "expected"), [("train", True), ("Training2", True), ("val", False), ("", False)]
)
def test_what_begins_with_train_is_trained_on(split: str, expected: bool) -> None:
    assert is_training(split) is expected


def flip(*reviews: Review, path: str = "dog/x", used: bool = False) -> list[bool]:
    """Whether the flip of cat/x to a dog is reviewed."""
    others = [image(f"{label}{i}", label) for label in CLASSES for i in range(20)]
    other = [image("cat/x", "owl", pixels="other")] * used
    before = [*others, image("cat/x", "cat", pixels="p")]
    after = [*others, *other, image(path, "dog", pixels="p")]
    return confirm(compare(before, after), reviews).reviewed.tolist()


def says(label: str, who: str = "ann", path: str = "dog/x", date: str = "2026-01-01") -> Review:
    decision = label if label in ("unsure", "no_class") else "label"
    return Review(path, "", decision, who, date, label if decision == "label" else "")


@pytest.mark.parametrize(
    ("reviews", "expected"),
    [
        ((), False),
        ((says("dog"),), True),
        ((says("dog", path="cat/x"),), True),
        ((says("cat"),), False),
        ((says("cat|dog"),), False),
        ((says("no_class"),), False),
        ((says("dog"), says("cat", "bob")), False),
        ((says("dog"), says("dog", "bob", path="cat/x")), True),
        ((says("dog"), says("unsure", "bob")), True),
        ((says("unsure"),), False),
        ((says("cat"), says("dog", date="2026-02-01")), True),
        ((says("dog"), says("unsure", date="2026-02-01")), False),
        ((Review("dog/x", "cat1", "different", "ann", "2026-01-01"),), False),
    ],
    ids=str,
)
def test_a_flip_is_reviewed_if_all_reviewers_last_said_exactly_the_new_label(
    reviews: tuple[Review, ...], expected: bool
) -> None:
    assert flip(*reviews) == [expected]


def test_an_earlier_path_that_another_image_has_now_speaks_of_that_image() -> None:
    assert flip(says("dog", path="cat/x"), used=True) == [False]


def test_an_empty_release_gains_and_loses_everything() -> None:
    assert kinds(compare([], [image("a")])) == {"added": 1, "classes_added": 1}
    assert kinds(compare([image("a")], [])) == {"removed": 1, "classes_removed": 1}
