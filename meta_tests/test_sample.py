"""The sample dataset: always the same, with the planted flaws and no others."""

import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from subprocess import CompletedProcess
from typing import TYPE_CHECKING, Any

import pytest

from labelgate.expectations.limits_file import read_limits
from labelgate.fixtures.comparison import compare_pixels
from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.errors import DatasetError
from labelgate.fixtures.exact_duplicates import ExactDuplicates, propose_groups
from labelgate.fixtures.files import Files
from labelgate.fixtures.measurements import Measurement
from labelgate.fixtures.sample.build import build_sample, read_planted
from labelgate.fixtures.sample.near_flaws import BUILDING
from labelgate.fixtures.settings import Settings
from labelgate.fixtures.store import open_store

if TYPE_CHECKING:
    import pandas as pd

Measure = Callable[..., tuple[Dataset, Any]]

LEAST = 10
"""Images that `classes_have_enough_images` asks for."""


Sample = tuple[Path, dict[str, "CompletedProcess[str]"]]


@pytest.fixture(scope="module")
def flawed(sample: Sample) -> Path:
    """The sample as a process of its own drew it; only looked at."""
    return sample[0] / "data"


@pytest.fixture(scope="module")
def clean(sample: Sample) -> Path:
    """The same without flaws."""
    return sample[0] / "spotless"


@pytest.fixture(scope="module")
def again(clean: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample in the place of an earlier one, of which a split was a link, with a file more."""
    folder = tmp_path_factory.mktemp("again")
    (folder / "precious").mkdir()
    (folder / "precious/1.jpg").write_bytes(b"precious")
    shutil.copytree(clean, folder / "x")
    (folder / "x/test").rename(folder / "x/old")
    (folder / "x/test").symlink_to(folder / "precious")
    (folder / "x/train/cat").mkdir()
    (folder / "x/train/cat/1.png").write_bytes(b"left from an older sample")
    (folder / "x/notes.txt").write_bytes(b"mine")
    shutil.rmtree(folder / "x/old")
    build_sample(folder / "x")
    return folder


def contents(folder: Path) -> dict[str, str]:
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def findings(measure: Measure, folder: Path, store: Path) -> dict[tuple[str, str], float]:
    dataset, pixels = measure(folder, store)
    silent: Any = lambda title, total: nullcontext(lambda done: None)  # noqa: E731
    proposed = propose_groups(pixels.hashes)
    asked = Settings(dataset.root, store, None, None, store, 0, rehash=False)
    groups = compare_pixels(dataset, pixels, open_store(store), asked, silent, proposed)
    rows = [
        *Files(dataset, pixels.problems).measurements(),
        *ExactDuplicates(dataset, groups).measurements(),
    ]
    return dict(bad_cells(rows))


def bad_cells(rows: list[Measurement]) -> Iterator[tuple[tuple[str, str], float]]:
    for row in rows:
        few = row.property == "classes_have_enough_images"
        if row.value is not None and (row.value < LEAST if few else row.value > 0):
            yield (row.property, row.subject), row.value


def test_exactly_the_planted_flaws_can_be_measured(
    flawed: Path, tmp_path: Path, measure: Measure
) -> None:
    planted = [cell for flaw in read_planted(flawed) for cell in flaw.cells]
    assert max(Counter(planted).values()) == 1, "two flaws must not hide behind one cell"
    limits = read_limits(None).properties
    measured = {c for c in planted if limits[c[0]].stem in ("files", "exact_duplicates")}
    assert set(findings(measure, flawed, tmp_path)) == measured


def test_the_clean_sample_has_no_finding(clean: Path, tmp_path: Path, measure: Measure) -> None:
    assert findings(measure, clean, tmp_path) == {}
    assert read_planted(clean) == ()


def test_the_sample_is_the_same_every_time(flawed: Path, again: Path) -> None:
    assert contents(again / "x").items() >= contents(flawed).items()


def test_an_earlier_sample_is_replaced_and_foreign_files_stay(flawed: Path, again: Path) -> None:
    mine = {"notes.txt": hashlib.sha256(b"mine").hexdigest()}
    assert contents(again / "x") == contents(flawed) | mine


def test_a_linked_split_of_an_earlier_sample_is_unlinked_and_its_target_stays(again: Path) -> None:
    assert contents(again / "precious") == {"1.jpg": hashlib.sha256(b"precious").hexdigest()}
    assert not (again / "x/test").is_symlink()


def test_another_seed_draws_other_pictures_with_the_same_flaws(
    flawed: Path, tmp_path: Path
) -> None:
    build_sample(tmp_path / "other", seed=1)
    assert read_planted(tmp_path / "other") == read_planted(flawed)
    first, other = contents(flawed), contents(tmp_path / "other")
    assert first.keys() == other.keys()
    # the two bad files that hold no picture are the same
    same = [
        path for path in first if first[path] == other[path] and path.endswith((".jpg", ".png"))
    ]
    assert len(same) <= 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("photo.jpg", b"precious"),
        ("train/cat/1.jpg", b"precious"),
        (".hidden", b"precious"),
        ("planted.json", b"precious"),
        ("planted.json", b'{"schema": "of another program", "flaws": []}'),
        ("planted.json", b'["labelgate.sample/1"]'),
    ],
)
def test_a_folder_that_is_no_sample_is_refused_and_not_touched(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match="no earlier sample") as caught:
        build_sample(tmp_path)
    assert "\n" not in str(caught.value)
    assert contents(tmp_path) == {name: hashlib.sha256(content).hexdigest()}


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"precious")
    with pytest.raises(DatasetError, match="is a file"):
        build_sample(tmp_path / "x")


def test_a_folder_without_a_marker_has_no_planted_flaws_to_read(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no sample dataset"):
        read_planted(tmp_path)


# --- near duplicates ----------------------------------------------------------------------------

PLANTED = [
    ("crane", "crane", "train", "val", "augmentation", "b shows 64 % of a"),
    ("tusker", "tusker", "train", "val", "augmentation", "resized to 50 %"),
    ("sorrel", "sorrel", "train", "val", "augmentation", "in place"),
    ("notebook", "notebook", "train", "val", "augmentation", "in place"),
    ("laptop", "laptop", "train", "val", "augmentation", "rotated 10 degrees"),
    ("ferret", "ferret", "train", "val", "augmentation", "in place"),
    ("", "dam", "test", "train", "augmentation", "mirrored"),
    ("mousetrap", "mouse", "train", "val", "augmentation", "in place"),
    ("mouse", "mouse", "train", "train", "augmentation", "b shows 82 % of a"),
    ("mouse", "mouse", "train", "train", "augmentation", "contrast x 0.79"),
    ("mouse", "mouse", "train", "train", "augmentation", "rotated 3 degrees"),
    ("mouse", "mouse", "train", "train", "augmentation", "in place"),
    ("dam", "dam", "train", "val", "similar_view", ""),
]
"""The planted near duplicates beside the planetarium: labels, splits, kind, words of transform."""


@pytest.fixture(scope="module")
def evidence(sample: Sample) -> Callable[[str], "pd.DataFrame"]:
    """Reads an evidence table of the demo."""
    import pandas as pd

    folder = sample[0] / "demo" / "evidence"
    return lambda name: pd.read_csv(folder / name, keep_default_na=False)


Evidence = Callable[[str], "pd.DataFrame"]


def test_each_planted_near_duplicate_is_typed_rightly_and_there_are_no_others(
    evidence: Evidence,
) -> None:
    found = evidence("near_duplicates.csv")
    found = found[(found["label_a"] != "planetarium") | (found["label_b"] != "planetarium")]
    columns = ["label_a", "label_b", "split_a", "split_b", "kind", "transform"]
    left = list(PLANTED)
    for *cell, transform in found[columns].itertuples(index=False, name=None):
        match = [each for each in left if list(each[:5]) == cell and each[5] in transform]
        assert match, (*cell, transform)
        left.remove(match[0])
    assert left == []


def test_looks_at_one_planetarium_are_one_group_of_similar_views(evidence: Evidence) -> None:
    found = evidence("near_duplicates.csv")
    looks = found[(found["label_a"] == "planetarium") & (found["label_b"] == "planetarium")]
    assert set(looks["kind"]) == {"similar_view"}
    assert set(looks["split_a"]) == set(looks["split_b"]) == {"val"}
    groups = evidence("duplicates.csv")
    members = groups[groups["path"].isin({*looks["path_a"], *looks["path_b"]})]
    assert members["group"].nunique() == 1
    assert len(members) >= BUILDING - 1  # one look may be too far from all others


def test_kayaks_and_the_one_planetarium_shift_their_classes_and_no_other_class_shifts(
    evidence: Evidence,
) -> None:
    found = evidence("shift.csv").set_index("class")
    shifted = found[(found["q"] <= 0.05) & (found["effect"] > 0.6)]
    assert set(shifted.index) == {"canoe", "planetarium"}
    assert found.loc["canoe", "effect"] > 0.9


def test_a_person_confirms_one_pair_and_keeps_another_apart(evidence: Evidence) -> None:
    found = evidence("near_duplicates.csv")
    assert found.loc[found["reviewer"] != "", "label_a"].tolist() == ["crane"]
    assert "space bar" not in {*found["label_a"], *found["label_b"]}
