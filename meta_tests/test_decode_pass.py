"""The decode pass: everything costs exactly itself, and the facts depend on nothing but bytes."""

import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from old_pictures import OLD, Measure, age, cost, facts_of, lay_old_pictures, picture

from labelgate.fixtures import decoding


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return lay_old_pictures(tmp_path / "data")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def test_the_facts_are_those_of_the_pictures(root: Path, store: Path, measure: Measure) -> None:
    facts = facts_of(measure(root, store))
    for number in range(12):
        width, height, problem = facts[f"train/c{number % 2}/{number}.png"][2:]
        assert (width, height, problem) == (6, 5 + number % 3, None)
    assert facts["train/c0/bad0.png"][1:4] == (bytes(16), 0, 0)
    assert "text" in facts["train/c0/bad0.png"][4]
    assert len({fact[1] for fact in facts.values()}) == 13


@pytest.mark.parametrize("workers", [0, 2])
def test_a_second_run_reads_and_decodes_nothing(
    root: Path, store: Path, measure: Measure, workers: int
) -> None:
    first = measure(root, store, workers=workers)
    second = measure(root, store, workers=workers)
    assert cost(first) == (14, 14)
    assert cost(second) == (0, 0)
    assert facts_of(first) == facts_of(second)


def change(root: Path) -> None:
    data = (root / "train/c0/0.png").read_bytes()
    other = data[:-20] + bytes(20)  # the same size; the checksum is wrong now
    (root / "train/c0/0.png").write_bytes(other)
    age(root / "train/c0/0.png", OLD + 1)


def in_another_inode(root: Path) -> None:
    picture(root / "train/c0/new.png", 99)
    (root / "train/c0/new.png").replace(root / "train/c0/0.png")
    age(root / "train/c0/0.png", OLD + 5)


STEPS: dict[str, tuple[Callable[[Path], object], tuple[int, int]]] = {
    "changed": (change, (1, 1)),
    "replaced": (in_another_inode, (1, 1)),
    "added": (lambda root: picture(root / "train/c1/new.png", 50), (1, 1)),
    "removed": (lambda root: (root / "train/c1/1.png").unlink(), (0, 0)),
    "renamed": (lambda root: (root / "train/c1/1.png").rename(root / "train/c1/z.png"), (1, 0)),
    "moved": (lambda root: (root / "train/c1/1.png").rename(root / "train/c0/1.png"), (1, 0)),
    "copied": (lambda root: shutil.copy2(root / "train/c1/1.png", root / "train/c1/z.png"), (1, 0)),
    "touched": (lambda root: age(root / "train/c1/1.png", OLD + 9), (1, 0)),
    "bad file renamed": (
        lambda root: (root / "train/c0/bad1.png").rename(root / "train/c1/bad1.png"),
        (1, 0),
    ),
}


@pytest.mark.parametrize(
    ("step", "workers"), [*((step, 0) for step in STEPS), ("copied", 2), ("changed", 2)]
)
def test_a_change_costs_exactly_itself(
    root: Path, tmp_path: Path, store: Path, measure: Measure, step: str, workers: int
) -> None:
    measure(root, store)
    act, expected = STEPS[step]
    act(root)
    measured = measure(root, store, workers=workers)
    assert cost(measured) == expected
    assert facts_of(measured) == facts_of(measure(root, tmp_path / "fresh"))
    assert cost(measure(root, store)) == (0, 0)


def test_a_file_of_just_now_is_read_again_and_not_decoded(
    root: Path, store: Path, measure: Measure
) -> None:
    picture(root / "train/c0/0.png", 0, mtime=time.time_ns())
    assert cost(measure(root, store)) == (14, 14)
    assert cost(measure(root, store)) == (1, 0)


def test_a_change_within_the_clock_of_the_file_system_is_seen(
    root: Path, tmp_path: Path, store: Path, measure: Measure
) -> None:
    now = time.time_ns()
    file = root / "train/c0/0.png"
    picture(file, 3, mtime=now)
    measure(root, store)
    picture(file, 6, mtime=now)
    found = facts_of(measure(root, store))
    assert found == facts_of(measure(root, tmp_path / "fresh"))


def test_a_file_from_the_future_is_never_trusted(root: Path, store: Path, measure: Measure) -> None:
    age(root / "train/c0/0.png", time.time_ns() + 10**14)
    measure(root, store)
    assert cost(measure(root, store)) == (1, 0)


def test_rehash_reads_everything_and_decodes_only_what_is_new(
    root: Path, tmp_path: Path, store: Path, measure: Measure
) -> None:
    first = measure(root, store)
    again = measure(root, store, rehash=True)
    assert cost(again) == (14, 0)
    assert facts_of(again) == facts_of(first)
    picture(root / "train/c0/0.png", 3)  # same size, same time: only --rehash can see it
    assert cost(measure(root, store)) == (0, 0)
    seen = measure(root, store, rehash=True)
    assert cost(seen) == (1 + 13, 0)
    assert facts_of(seen) == facts_of(measure(root, tmp_path / "fresh"))
    assert facts_of(measure(root, store)) == facts_of(seen)


def test_two_folders_share_what_their_files_hold(
    root: Path, tmp_path: Path, store: Path, measure: Measure
) -> None:
    first = measure(root, store)
    shutil.copytree(root, tmp_path / "another place" / "猫")
    moved = measure(tmp_path / "another place" / "猫", store)
    assert cost(moved) == (14, 0)
    assert facts_of(moved) == facts_of(first)
    assert cost(measure(root, store)) == (0, 0)


def test_facts_do_not_depend_on_workers_order_or_place(
    root: Path, tmp_path: Path, measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labelgate.fixtures.decode_pass.BATCH", 3)
    expected = facts_of(measure(root, tmp_path / "0", workers=0))
    for workers in (1, 2):
        assert facts_of(measure(root, tmp_path / str(workers), workers=workers)) == expected
    shutil.copytree(root, tmp_path / "moved")
    assert facts_of(measure(tmp_path / "moved", tmp_path / "moved store")) == expected


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.permutations(range(14)))
def test_facts_follow_their_images_in_any_order(
    root: Path, tmp_path: Path, measure: Measure, order: list[int]
) -> None:
    dataset, pixels = measure(root, tmp_path / "sorted")
    shuffled = replace(dataset, paths=tuple(dataset.paths[i] for i in order))
    assert facts_of(measure(shuffled, tmp_path / "any")) == facts_of((dataset, pixels))


def test_one_image_and_one_unreadable_image_are_measured(
    tmp_path: Path, store: Path, measure: Measure
) -> None:
    (tmp_path / "one/test").mkdir(parents=True)
    (tmp_path / "one/test/1.png").symlink_to("/etc/hostname")
    _, pixels = measure(tmp_path / "one", store)
    assert "link out of the dataset" in pixels.problems[0]
    assert not pixels.content.any()
    picture(tmp_path / "two/test/1.png", 1)
    assert measure(tmp_path / "two", store)[1].problems == {}


def test_no_image_at_all_is_measured(tmp_path: Path, store: Path, measure: Measure) -> None:
    picture(tmp_path / "data/train/1.png", 1)
    dataset, _ = measure(tmp_path / "data", store)
    none = replace(
        dataset,
        paths=(),
        split_index=np.zeros(0, np.int16),
        label_index=np.zeros(0, np.int32),
    )
    _, pixels = measure(none, store)
    assert pixels.content.shape == (0, 32)
    assert pixels.hashes.shape == (0, 16)


def test_a_copy_in_the_same_run_has_the_same_facts(
    root: Path, store: Path, measure: Measure
) -> None:
    shutil.copy2(root / "train/c0/0.png", root / "train/c1/copy.png")
    facts = facts_of(measure(root, store))
    assert facts["train/c0/0.png"] == facts["train/c1/copy.png"]


def test_contents_are_known_by_all_bytes_zeros_at_the_end_included() -> None:
    known = [bytes(32), b"\x07" + bytes(31), b"\x07" * 32, b"\xff" * 31 + b"\0"]
    contents = np.sort(np.frombuffer(b"".join(known), "S32"))
    assert [decoding._holds(contents, content) for content in known] == [True] * 4
    others = [b"\x07" * 31 + b"\0", b"\xff" * 32, b"\0" * 31 + b"\1"]
    assert [decoding._holds(contents, content) for content in others] == [False] * 3
    assert not decoding._holds(np.empty(0, "S32"), bytes(32))
