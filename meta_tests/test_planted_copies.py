"""Planted copies: who is drawn, what is planted, and how many others are nearer."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from labelgate.fixtures import nearer as nearer_module
from labelgate.fixtures import planted_copies as module
from labelgate.fixtures import planting
from labelgate.fixtures.alterations import ALTERATIONS, Alteration
from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.decode_pass import Pixels, measure_pixels
from labelgate.fixtures.embedders.preparation import Preparation
from labelgate.fixtures.embeddings import Embeddings
from labelgate.fixtures.errors import DatasetError
from labelgate.fixtures.pixels import Caps, decode
from labelgate.fixtures.planted_copies import draw_pictures, plant
from labelgate.fixtures.planted_rivals import compare
from labelgate.fixtures.readers import read_dataset
from labelgate.fixtures.settings import SEED, Settings
from labelgate.fixtures.store import open_store

if TYPE_CHECKING:
    import torch

LayOut = Callable[[dict[str, int]], Any]


@dataclass(frozen=True)
class Thumbnails:
    """An embedder: 8 x 8 pixels, of unit length."""

    name: str = "thumbnails"
    sha256: str = "of thumbnails"
    dimensions: int = 192
    preparation: Preparation = Preparation(8, 8, "stretch", "box")  # noqa: RUF009

    def encode(self, images: "torch.Tensor") -> "torch.Tensor":
        from torch.nn.functional import normalize

        return normalize(images.float().flatten(1) + 1)


def silent(title: str, total: int | None) -> Any:  # noqa: ANN401
    return nullcontext(lambda done: None)


# --- who is drawn -------------------------------------------------------------------------------


def drawn_hashes(lay_out: LayOut, numbers: range) -> set[bytes]:
    _, pixels, pictures = lay_out({f"train/cat/{i:04}": i for i in numbers})
    drawn = draw_pictures(pixels, pictures.distinct())
    return {pixels.hashes[image].tobytes() for image in drawn}


@pytest.mark.parametrize("total", [99, 100, 101, 300])
def test_a_hundred_are_drawn_where_there_are_so_many(lay_out: LayOut, total: int) -> None:
    assert len(drawn_hashes(lay_out, range(total))) == min(total, 100)


def test_an_added_picture_changes_one_of_those_drawn_at_most(lay_out: LayOut) -> None:
    before = drawn_hashes(lay_out, range(150))
    changes = [len(before - drawn_hashes(lay_out, range(total))) for total in range(151, 160)]
    assert all(later - earlier in (0, 1) for earlier, later in zip([0, *changes], changes))  # noqa: B905


def test_the_same_pictures_are_drawn_wherever_they_stand(lay_out: LayOut) -> None:
    here = lay_out({f"train/cat/{i:04}": i for i in range(200)})
    there = lay_out({f"val/dog/{(7 * i) % 200:04}": i for i in range(200)})
    drawn = [
        [p.hashes[i].tobytes() for i in draw_pictures(p, q.distinct())] for _, p, q in (here, there)
    ]
    assert drawn[0] == drawn[1]


def test_of_no_picture_none_is_drawn(lay_out: LayOut) -> None:
    _, pixels, pictures = lay_out({"train/cat/1": -1})
    assert draw_pictures(pixels, pictures.distinct()).size == 0


# --- how many are nearer ------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(
    scene=st.dictionaries(
        st.tuples(st.sampled_from(("train/a", "val/a", "val/b", "test")), st.integers(0, 6)),
        st.integers(0, 9),
        min_size=1,
    ),
    block=st.sampled_from((1, 2, 8192)),
    without=st.integers(0, 9),
    seed=st.integers(0, 5),
)
def test_those_nearer_are_the_pictures_of_the_split_that_a_loop_counts(
    lay_out: LayOut, scene: dict[tuple[str, int], int], block: int, without: int, seed: int
) -> None:
    dataset, _, pictures = lay_out({f"{folder}/{n}": i for (folder, n), i in scene.items()})
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(10, 3)).astype(np.float16)
    numbers = [scene[path.rpartition("/")[0], int(path[-1])] for path in dataset.paths]
    row = np.array([-1 if number == without else number for number in numbers])
    embeddings = Embeddings(vectors, row, "", "", 0, 0.0)
    drawn = np.array([p for p in pictures.distinct() if row[p] >= 0], np.int64)
    copies = rng.normal(size=(len(drawn), 2, 3)).astype(np.float16)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nearer_module, "BLOCK", block)
        patch.setattr(nearer_module, "ASKING", block)
        distance, nearer = compare(copies, drawn, pictures, embeddings)
    exact, sought = vectors.astype(np.float64), copies.astype(np.float64)
    for q, original in enumerate(drawn.tolist()):
        own = sought[q] @ exact[row[original]]
        assert distance[:, q] == pytest.approx(1 - own, abs=1e-6)
        split = min(
            s for p, s in zip(pictures.identity, pictures.split, strict=True) if p == original
        )
        others = {
            int(p)
            for p, s in zip(pictures.identity, pictures.split, strict=True)
            if s == split and p != original and row[p] >= 0
        }
        for a in range(2):
            margins = np.array([sought[q, a] @ exact[row[other]] - own[a] for other in others])
            assert nearer[a, q] == np.sum(margins > 0)


# --- what is planted ----------------------------------------------------------------------------


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three pictures with some structure, one of them twice, and a broken file."""
    for number in range(3):
        rng = np.random.default_rng(number)
        coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        picture = coarse.resize((64, 48), Image.Resampling.BICUBIC)
        for split in ("train", "val")[: 1 + (number == 0)]:
            (tmp_path / "data" / split / "cat").mkdir(parents=True, exist_ok=True)
            picture.save(tmp_path / "data" / split / "cat" / f"{number}.png")
    (tmp_path / "data" / "train" / "cat" / "broken.png").write_bytes(b"no picture")
    return tmp_path


Planting = Callable[..., tuple[Dataset, Pixels, NDArray[np.float16], NDArray[np.str_]]]


def plant_all(photos: Path) -> tuple[NDArray[np.float16], NDArray[np.str_]]:
    """Plants copies of every picture, in this process."""
    dataset = read_dataset(photos / "data")
    given = Settings(photos, photos, None, None, photos, 0, False, device="cpu")
    store = open_store(photos / "store")
    pixels = measure_pixels(dataset, store, Caps(10**6, 10**6), given, silent)
    in_train = pixels.hashes.any(axis=1) & (dataset.split_index == 0)
    drawn = draw_pictures(pixels, np.flatnonzero(in_train))
    return plant(dataset, pixels, drawn, Thumbnails(), store, given, silent)


@pytest.fixture
def planted(photos: Path, measure: Callable[..., Any]) -> Planting:
    def run(workers: int = 0) -> Any:  # noqa: ANN401
        dataset, pixels = measure(photos / "data", photos / "store")
        drawn = np.flatnonzero(pixels.hashes.any(axis=1))[:2]
        given = Settings(photos, photos, None, None, photos, workers, False, device="cpu")
        store = open_store(photos / "store")
        return dataset, pixels, *plant(dataset, pixels, drawn, Thumbnails(), store, given, silent)

    return run


def test_each_drawn_picture_is_altered_in_every_way(planted: Planting) -> None:
    import torch

    dataset, pixels, vectors, kinds = planted()
    assert vectors.shape == (2, len(ALTERATIONS), 192)
    assert kinds.shape == (2, len(ALTERATIONS))
    drawn = np.flatnonzero(pixels.hashes.any(axis=1))[:2]
    for q, image in enumerate(drawn.tolist()):
        original = decode((dataset.root / dataset.paths[image]).read_bytes(), pixels.caps).pixels
        for a, how in enumerate(ALTERATIONS):
            rng = np.random.default_rng([SEED, a, *pixels.content[image][:8]])
            ready = Thumbnails().preparation(how.apply(original, rng))
            expected = Thumbnails().encode(torch.tensor(ready[None])).numpy()[0]
            assert vectors[q, a] == pytest.approx(expected, abs=2e-3)
    assert (kinds == "augmentation").mean() > 0.5
    assert set(kinds.ravel()) <= {"exact", "augmentation", "similar_view", "different"}


def test_copies_are_planted_once_and_the_same_with_workers(
    planted: Planting, monkeypatch: pytest.MonkeyPatch, photos: Path
) -> None:
    first = planted()
    with monkeypatch.context() as patch:
        patch.setattr(module, "run_where_asked", lambda work, batches, *rest: _none(batches))
        again = planted()
    (photos / "store").rename(photos / "other store")
    anew = planted(workers=1)
    for _, _, vectors, kinds in (again, anew):
        assert np.array_equal(vectors, first[2])
        assert np.array_equal(kinds, first[3])


def _none(batches: list[Any]) -> Any:  # noqa: ANN401
    assert batches == []
    return iter(())


OTHER = ALTERATIONS[-1].name, lambda pixels, rng: 255 - pixels


@pytest.mark.parametrize(
    ("place", "name", "value"),
    [
        (module, "precision", lambda device: "bfloat16"),
        (module, "RULES", -1),
        (module, "SEED", 7),
        (planting, "ALTERATIONS", (*ALTERATIONS[:-1], Alteration(*OTHER))),
    ],
)
def test_what_copies_depend_on_plants_them_anew(
    planted: Planting, monkeypatch: pytest.MonkeyPatch, place: ModuleType, name: str, value: object
) -> None:
    planted()
    monkeypatch.setattr(place, name, value)
    assert batches_of(planted, monkeypatch) == 2


def batches_of(planted: Planting, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many pictures another run plants."""
    asked: list[int] = []
    run = module.run_where_asked

    def counted(work: Any, batches: list[Any], *rest: Any) -> Any:  # noqa: ANN401
        asked.append(len(batches))
        return run(work, batches, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(module, "run_where_asked", counted)
        planted()
    return asked[0]


@pytest.mark.parametrize("number", range(0, len(ALTERATIONS), 7))
def test_every_alteration_is_part_of_the_fingerprint(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    before = planting.fingerprint()
    assert before == planting.fingerprint()
    name, apply = ALTERATIONS[number].name, ALTERATIONS[number].apply
    other = [Alteration(f"{name}!", apply), Alteration(name, lambda p, rng: apply(p, rng) ^ 1)]
    for changed in other:
        table = (*ALTERATIONS[:number], changed, *ALTERATIONS[number + 1 :])
        monkeypatch.setattr(planting, "ALTERATIONS", table)
        assert planting.fingerprint() != before


KILLED = """
import os, sys
from pathlib import Path
from labelgate.fixtures import planted_copies

encode, done = planted_copies.Encoder.start, []

def start(encoder, images):
    done.append(len(images))
    return os.kill(os.getpid(), 9) if len(done) == 3 else encode(encoder, images)

planted_copies.Encoder.start, planted_copies.FLUSH_SECONDS = start, -1.0
sys.path.insert(0, sys.argv[1])
from test_planted_copies import plant_all
plant_all(Path(sys.argv[2]))
"""


def test_a_killed_run_loses_only_what_it_was_encoding(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = subprocess.run(
        [sys.executable, "-c", KILLED, str(Path(__file__).parent), str(photos)], check=False
    )
    assert run.returncode == -9
    resumed: list[Any] = []
    assert batches_of(lambda: resumed.append(plant_all(photos)), monkeypatch) == 2
    (photos / "store").rename(photos / "other store")
    for told, fresh in zip(resumed[0], plant_all(photos), strict=True):
        assert np.array_equal(told, fresh)


def test_without_pictures_nothing_is_planted(photos: Path, measure: Callable[..., Any]) -> None:
    for file in (photos / "data").rglob("*.png"):
        file.write_bytes(b"no picture")
    dataset, pixels = measure(photos / "data", photos / "store")
    given = Settings(photos, photos, None, None, photos, 0, False, device="cpu")
    none = np.empty(0, np.int64)
    vectors, kinds = plant(
        dataset, pixels, none, Thumbnails(), open_store(photos / "store"), given, silent
    )
    assert vectors.shape == (0, len(ALTERATIONS), 192)
    assert kinds.shape == (0, len(ALTERATIONS))


def test_a_picture_that_changed_meanwhile_is_one_sentence(
    photos: Path, measure: Callable[..., Any]
) -> None:
    dataset, pixels = measure(photos / "data", photos / "store")
    (photos / "data/train/cat/1.png").write_bytes(b"another one")
    with pytest.raises(DatasetError, match=r"'train/cat/1\.png' changed while it was measured"):
        planting.plant_copies(
            dataset.location,
            pixels.caps,
            Thumbnails().preparation,
            SEED,
            [(0, "train/cat/1.png", pixels.content[1].tobytes())],
        )
    with pytest.raises(DatasetError, match=r"altered 'x' was killed.*fewer --workers\.$"):
        planting.killed((0, "x", b""))
