"""The verification pass: every pair decided once, stored, and told of where that is impossible."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from labelgate.fixtures import verification, verifying
from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.pair_keys import key_pairs
from labelgate.fixtures.pixels import Caps
from labelgate.fixtures.settings import LOCAL
from labelgate.fixtures.store import open_store
from labelgate.fixtures.verification import Verified, verify_pairs

Measured = tuple[Dataset, Any]
Verify = Callable[..., Verified]
CAPS = Caps(89_478_485, 2**28)


def silent(_title: str, _total: int | None) -> AbstractContextManager[Callable[[int], None]]:
    return nullcontext(lambda done: None)


def picture(seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (72, 60), tuple(rng.integers(0, 256, 3).tolist()))
    draw = ImageDraw.Draw(image)
    for _ in range(60):
        x, y, w, h = rng.integers(0, (60, 50, 30, 25))
        draw.ellipse((x, y, x + w, y + h), tuple(rng.integers(0, 256, 3).tolist()))
    return image


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two pictures in train; a mirrored copy, an equal file and a broken one in val."""
    folder = tmp_path / "data"
    mirrored = picture(0).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    files = {"train/c/a.png": picture(0), "train/c/b.png": picture(1), "val/c/m.png": mirrored}
    for path, image in (files | {"val/c/same.png": picture(1)}).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        image.save(folder / path)
    (folder / "val/c/z.png").write_bytes(b"no picture")
    for file in folder.rglob("*.png"):
        os.utime(file, (1_600_000_000, 1_600_000_000))
    return folder


@pytest.fixture
def measured(root: Path, tmp_path: Path, measure: Callable[..., Measured]) -> Measured:
    verifying._view.cache_clear()
    return measure(root, tmp_path / "pixels")


@pytest.fixture
def verify(tmp_path: Path) -> Verify:
    """Runs the pass with the store of this test; pairs are given by the letters of their files."""

    def run(measured: Measured, *pairs: str, **given: Any) -> Verified:  # noqa: ANN401
        import types

        dataset, pixels = measured
        index = {Path(path).stem: image for image, path in enumerate(dataset.paths)}
        images = [[index[name] for name in pair.split()] for pair in pairs]
        asked = types.SimpleNamespace(engine=LOCAL, workers=given.get("workers", 0))
        return verify_pairs(
            dataset, pixels, np.array(images, np.int64).reshape(-1, 2),
            open_store(tmp_path / "store"), CAPS, asked, given.get("progress", silent),
        )  # type: ignore[arg-type]  # fmt: skip

    return run


def test_each_pair_gets_kind_score_and_transform(measured: Measured, verify: Verify) -> None:
    found = verify(measured, "a m", "a b", "b same")
    assert found.kind.tolist() == ["augmentation", "different", "exact"]
    assert found.score.tolist() == [pytest.approx(1, abs=0.01), 0, 1]
    assert found.transform == ["mirrored", "", "in place"]
    assert not found.unread.any()
    assert found.problems == {}


def test_the_order_of_a_pair_turns_its_transform_over(measured: Measured, verify: Verify) -> None:
    found = verify(measured, "a m", "m a")
    assert found.aligned == 1
    there, back = (found.transforms[pair].as_matrix() for pair in (0, 1))
    assert np.allclose(there @ back, np.eye(3), atol=1e-9)


def test_no_pairs_are_no_work(measured: Measured, verify: Verify) -> None:
    found = verify(measured)
    assert len(found.kind) == len(found.score) == len(found.transform) == found.aligned == 0


def test_a_second_run_aligns_nothing_and_says_the_same(measured: Measured, verify: Verify) -> None:
    first = verify(measured, "a m", "a b", "m b")
    again = verify(measured, "m b", "a b", "a m")
    assert (first.aligned, again.aligned) == (3, 0)
    assert again.kind.tolist() == first.kind.tolist()[::-1]
    assert again.score.tolist() == first.score.tolist()[::-1]
    assert again.transforms[2] == first.transforms[0]


def test_equal_pictures_are_aligned_once_whatever_their_files(
    measured: Measured, verify: Verify
) -> None:
    found = verify(measured, "a b", "a same", "same a")
    assert found.aligned == 1
    assert found.kind.tolist() == ["different"] * 3


def test_a_renamed_file_is_known(
    root: Path, tmp_path: Path, measured: Measured, verify: Verify, measure: Callable[..., Measured]
) -> None:
    assert verify(measured, "a m").aligned == 1
    (root / "val/c/m.png").rename(root / "train/c/n.png")
    again = verify(measure(root, tmp_path / "pixels"), "a n")
    assert (again.aligned, again.kind.tolist()) == (0, ["augmentation"])


def test_other_rules_align_again(
    measured: Measured, verify: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify(measured, "a m")
    monkeypatch.setattr(verification, "RULES", -1)
    assert verify(measured, "a m").aligned == 1


def test_a_file_that_is_no_picture_is_told_of_and_not_dropped(
    measured: Measured, verify: Verify
) -> None:
    found = verify(measured, "a z", "a m")
    assert found.unread.tolist() == [True, False]
    assert found.kind.tolist() == ["different", "augmentation"]
    assert np.isnan(found.score[0])
    assert "begins like text" in found.problems[0]


@pytest.mark.parametrize("act", ["changed", "removed", "linked"])
def test_a_file_that_changes_is_named_and_tried_again(
    root: Path, tmp_path: Path, measured: Measured, verify: Verify, act: str
) -> None:
    file = root / "val/c/m.png"
    shutil.copy(file, tmp_path / "kept.png")
    if act == "changed":
        shutil.copy(root / "train/c/b.png", file)
    else:
        file.unlink()
        if act == "linked":
            file.symlink_to(tmp_path / "kept.png")
    found = verify(measured, "a m", "a b")
    assert found.unread.tolist() == [True, False]
    assert "'val/c/m.png'" in found.problems[0]
    verifying._view.cache_clear()
    file.unlink(missing_ok=True)
    shutil.copy(tmp_path / "kept.png", file)
    again = verify(measured, "a m", "a b")
    assert (again.aligned, again.kind.tolist()) == (1, ["augmentation", "different"])


def test_progress_counts_every_pair_once(measured: Measured, verify: Verify) -> None:
    told: list[tuple[str, int | None]] = []
    done: list[int] = []

    @contextmanager
    def progress(title: str, total: int | None) -> Iterator[Callable[[int], None]]:
        told.append((title, total))
        yield done.append

    verify(measured, "a m", "a b", "a z", progress=progress)
    assert told == [("aligning pairs", 2)]
    assert sum(done) == 2


def test_a_run_that_is_killed_keeps_what_it_stored(
    measured: Measured, verify: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "BATCH", 1)
    monkeypatch.setattr(verification, "FLUSH_SECONDS", 0.0)
    align = verifying.align_files
    calls = []

    def failing(*given: Any) -> verifying.Aligned:  # noqa: ANN401
        calls.append(given)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return align(*given)

    monkeypatch.setattr(verification, "align_files", failing)
    with pytest.raises(KeyboardInterrupt):
        verify(measured, "a m", "a b", "m b")
    assert verify(measured, "a m", "a b", "m b").aligned == 1


def test_any_number_of_workers_says_the_same(
    measured: Measured, verify: Verify, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(verification, "FEW", 0)
    monkeypatch.setattr(verification, "BATCH", 1)
    alone = verify(measured, "a m", "a b", "m b")
    shutil.rmtree(tmp_path / "store")
    together = verify(measured, "a m", "a b", "m b", workers=2)
    assert together.aligned == 3
    assert together.kind.tolist() == alone.kind.tolist()
    assert together.score.tolist() == alone.score.tolist()
    assert together.transforms == alone.transforms


DEADLY = """
import os, signal
from labelgate.fixtures import verifying

def align_files(root, caps, batch):
    for _, *files in batch:
        if {path for path, _ in files} == {"train/c/a.png", "val/c/m.png"}:
            os.kill(os.getpid(), signal.SIGKILL)
    return verifying.align_files(root, caps, batch)
"""


def test_a_worker_that_is_killed_costs_its_pair_alone(
    measured: Measured, verify: Verify, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "deadly_alignment.py").write_text(DEADLY)
    with monkeypatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        patch.setattr(verification, "FEW", 0)
        patch.setattr(verification, "align_files", import_module("deadly_alignment").align_files)
        found = verify(measured, "a m", "a b", "m b", workers=2)
    assert found.unread.tolist() == [True, False, False]
    assert "was killed" in found.problems[0]
    again = verify(measured, "a m", "a b", "m b")
    assert (again.aligned, again.kind[0]) == (1, "augmentation")


def test_a_pair_that_kills_its_process_is_named() -> None:
    rows, unread = verifying.killed((b"k" * 32, ("x.png", b"1" * 32), ("y.png", b"2" * 32)))
    assert rows == []
    assert unread[0][0] == b"k" * 32
    assert "'x.png' with 'y.png'" in unread[0][1]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12))
def test_a_key_is_that_of_two_pictures_in_either_order(ends: list[tuple[int, int]]) -> None:
    hashes = np.random.default_rng(0).integers(1, 256, (5, 16), dtype=np.uint8)
    hashes[3], hashes[4] = hashes[2], 0
    pairs = np.array(ends, np.int64)
    keys, turned = key_pairs(hashes, pairs), key_pairs(hashes, pairs[:, ::-1])
    assert np.array_equal(keys.pair, turned.pair)
    for key, (a, b), swapped, bad in zip(
        keys.pair, ends, keys.swapped, keys.unreadable, strict=True
    ):
        first, second = (hashes[b], hashes[a]) if swapped else (hashes[a], hashes[b])
        assert key.tobytes() == first.tobytes() + second.tobytes()
        assert first.tobytes() <= second.tobytes()
        assert (bad >= 0) == (4 in (a, b))
