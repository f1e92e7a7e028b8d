"""The golden counts on real data, the real JPEGs in both decoders, and the odd images."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import real_data
from real_data import archive, read_table

from labelgate.fixtures.comparison import compare_pixels
from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.exact_duplicates import ExactDuplicates, propose_groups
from labelgate.fixtures.pixels import FORMATS
from labelgate.fixtures.settings import Settings
from labelgate.fixtures.store import open_store
from labelgate.fixtures.workers import run_batches

Measured = tuple[ExactDuplicates, Any]


@pytest.fixture(scope="module")
def unpack(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    def extract(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name)
        with ZipFile(archive(name)) as file:
            file.extractall(folder)
        for path in folder.rglob("*"):
            os.utime(path, (1_600_000_000, 1_600_000_000))  # a dataset is older than its audit
        return folder / name

    return extract


@pytest.fixture(scope="module")
def count(measure: Callable[..., tuple[Dataset, Any]]) -> Callable[[Path], Measured]:
    """Decodes a dataset with two workers, and finds its exact duplicates."""
    silent: Any = lambda title, total: nullcontext(lambda done: None)  # noqa: E731

    def run(root: Path) -> Measured:
        store = root.with_name("store")
        dataset, pixels = measure(root, store, workers=2)
        proposed = propose_groups(pixels.hashes)
        asked = Settings(dataset.root, store, None, None, store, 2, rehash=False)
        groups = compare_pixels(dataset, pixels, open_store(store), asked, silent, proposed)
        assert [list(group) for group in groups] == [list(group) for group in proposed]
        again = measure(root, store, workers=2)[1]
        assert (again.read, again.decoded) == (0, 0)
        return ExactDuplicates(dataset, groups), pixels

    return run


def test_tiny_imagenet_has_exactly_its_22_known_pairs(
    unpack: Callable[[str], Path], count: Callable[[Path], Measured]
) -> None:
    root = unpack("tiny_imagenet_dev")
    (root / "dataset.toml").write_text(
        '[splits.train]\nimages = "train"\n[splits.val]\nimages = "val"\nlabels = "index.csv"\n'
    )
    found, pixels = count(root)
    assert (len(found.dataset.paths), len(found.dataset.labels)) == (11_000, 20)
    assert pixels.problems == {}
    assert dict(found.figures()) == {
        "groups of identical pixels": 22,
        "groups within train": 16,
        "groups within val": 0,
        "groups across train and val": 6,
        "groups under several labels": 22,
    }
    known: dict[str, set[str]] = {}
    for row in read_table("tiny_imagenet_dev", "tiny_imagenet_dev/exact_duplicate_groups.csv"):
        known.setdefault(row["group"], set()).add(row["path"])
    paths = found.dataset.paths
    assert sorted(map(sorted, known.values())) == sorted(
        sorted(paths[i] for i in group) for group in found.groups
    )


def test_cifar10_has_no_exact_duplicates(
    unpack: Callable[[str], Path], count: Callable[[Path], Measured]
) -> None:
    root = unpack("cifar10_dev")
    (root / "dataset.toml").write_text(
        '[splits.train]\nimages = "train"\n[splits.test]\nimages = "test"\n'
    )
    found, pixels = count(root)
    assert (len(found.dataset.paths), found.groups, pixels.problems) == (30_000, [], {})


def test_gtsrb_has_no_exact_duplicates(
    unpack: Callable[[str], Path], count: Callable[[Path], Measured]
) -> None:
    root = unpack("gtsrb_dev")
    (root / "dataset.toml").write_text(
        '[splits.train]\nimages = "Final_Training"\nlabels = "index.csv"\n'
        '[splits.test]\nimages = "Final_Test"\nlabels = "index.csv"\n'
    )
    found, pixels = count(root)
    assert (len(found.dataset.paths), found.groups, pixels.problems) == (5160, [], {})
    assert len(found.dataset.labels) == 14


# --- decoders -----------------------------------------------------------------------------------


def batched(members: Sequence[str], size: int) -> list[Sequence[str]]:
    return [members[i : i + size] for i in range(0, len(members), size)]


@pytest.mark.parametrize(
    ("name", "total", "every"),
    [
        ("tiny_imagenet_dev", 11_000, 1),
        ("imagenet_samples_dev", 250, 1),
        ("cifar10_dev", 30_000, 5),  # all 30,000 and all 21,000 agreed on 2026-11-23; it takes 20 s
        ("photos_train", 21_000, 4),
    ],
)
def test_a_real_jpeg_has_the_pixels_that_pillow_sees(name: str, total: int, every: int) -> None:
    file = str(archive(name))
    with ZipFile(file) as opened:
        members = [m for m in opened.namelist() if m.lower().endswith((".jpg", ".jpeg"))]
    assert len(members) == total
    members = members[::every]
    size = 25 if name == "imagenet_samples_dev" else 1000
    compare = partial(real_data.unlike_pillow, file)
    done = list(run_batches(compare, batched(members, size), 2, pytest.fail))
    assert sum(compared for compared, _ in done) == len(members)
    assert [member for _, different in done for member in different] == []


# --- odd images ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def odd() -> dict[str, tuple[dict[str, str], Any]]:
    """What the table says of each odd file, and what decoding it said."""
    file = str(archive("odd_images_dev"))
    rows = read_table("odd_images_dev", "odd_images/odd_images.csv")
    table = {f"odd_images/files/{row['file']}": row for row in rows}
    judge = partial(real_data.judge_odd, file)
    done = run_batches(judge, batched(sorted(table), 40), 2, pytest.fail)
    verdicts = {verdict[0]: verdict for batch in done for verdict in batch}
    assert verdicts.keys() == table.keys()
    return {member: (table[member], verdicts[member]) for member in sorted(table)}


def in_our_formats(row: dict[str, str]) -> bool:
    return row["pil_format"].replace("MPO", "JPEG") in FORMATS


def test_an_odd_image_decodes_exactly_where_every_frame_does(odd: dict[str, Any]) -> None:
    wrong = {
        member: (row["decode_ok"], verdict[1])
        for member, (row, verdict) in odd.items()
        if in_our_formats(row) and (row["decode_ok"] == "True") != (verdict[1] is None)
    }
    over = [member for member, (_, problem) in wrong.items() if "over the cap" in str(problem)]
    assert len(over) == 1
    assert [(member, told) for member, told in wrong.items() if member not in over] == []


def test_an_odd_file_of_another_format_is_refused(odd: dict[str, Any]) -> None:
    others = {m: v[1] for m, (row, v) in odd.items() if not in_our_formats(row)}
    assert len(others) > 150
    assert [member for member, problem in others.items() if problem is None] == []


def test_every_refused_odd_file_has_one_sentence(odd: dict[str, Any]) -> None:
    said = {member: verdict[1] for member, (_, verdict) in odd.items() if verdict[1] is not None}
    for member, problem in said.items():
        assert problem.strip(), member
        assert "\n" not in problem, member
        assert len(problem) < 400, member
        problem.encode()


def test_an_odd_image_has_the_pixels_that_a_plain_loader_shows(odd: dict[str, Any]) -> None:
    other = [member for member, (_, verdict) in odd.items() if not verdict[2]]
    # turned by its XMP there, as hardly any loader would; our rule reads EXIF alone
    assert [Path(member).name for member in other] == ["xmp_tags_orientation_exiftool.png"]


def test_no_odd_file_takes_long_or_more_memory_than_the_cap_allows(odd: dict[str, Any]) -> None:
    slow = {m: verdict[3] for m, (_, verdict) in odd.items() if verdict[3] > 5}
    assert slow == {}
    peak = max(verdict[4] for _, verdict in odd.values())
    assert peak < 89_478_485 * 3 * 3 // 2**20  # three RGB pictures at the cap; MiB


def test_all_orientations_of_the_odd_photographs_are_shown_alike(odd: dict[str, Any]) -> None:
    series = Counter(m.rpartition("_")[0] for m in odd if "/exif_orientation/" in m)
    assert series
    bad = [m for m in odd if "/exif_orientation/" in m and odd[m][1][1] is not None]
    assert bad == []


def test_the_odd_files_are_judged_as_a_dataset_and_none_stops_the_run(
    unpack: Callable[[str], Path],
    measure: Callable[..., tuple[Dataset, Any]],
    odd: dict[str, Any],
    tmp_path: Path,
) -> None:
    root = tmp_path / "data"
    (root / "all").mkdir(parents=True)
    with ZipFile(archive("odd_images_dev")) as file:
        for number, member in enumerate(odd):
            (root / f"all/{number:04}").write_bytes(file.read(member))
            os.utime(root / f"all/{number:04}", (1_600_000_000, 1_600_000_000))
    (root / "dataset.toml").write_text('[splits.all]\nimages = "all"\n')
    dataset, pixels = measure(root, tmp_path / "store", workers=2)
    members = list(odd)
    refused = {members[int(dataset.paths[i].rpartition("/")[2])] for i in pixels.problems}
    assert refused == {m for m, (_, verdict) in odd.items() if verdict[1] is not None}
    assert measure(root, tmp_path / "store")[1].read == 0
