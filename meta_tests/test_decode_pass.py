"""The decode pass: everything costs exactly itself, and the facts depend on nothing but bytes."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from labelgate.fixtures import decoding
from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.pixels import Caps

Measure = Callable[..., tuple[Dataset, Any]]

OLD = 1_600_000_000 * 10**9
CAPS = Caps(pixels=10**6, file_bytes=10**6)


def picture(file: Path, number: int, container: str = "PNG", mtime: int = OLD) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (6, 5 + number % 3), (number % 256, number // 256, 3)).save(file, container)
    age(file, mtime)


def age(file: Path, mtime: int = OLD) -> None:
    os.utime(file, ns=(mtime, mtime))


def facts_of(measured: tuple[Dataset, Any]) -> dict[str, tuple[Any, ...]]:
    dataset, pixels = measured
    return {
        path: (
            pixels.content[i].tobytes(),
            pixels.hashes[i].tobytes(),
            int(pixels.width[i]),
            int(pixels.height[i]),
            pixels.problems.get(i),
        )
        for i, path in enumerate(dataset.paths)
    }


def cost(measured: tuple[Dataset, Any]) -> tuple[int, int]:
    return measured[1].read, measured[1].decoded


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Twelve old pictures, and two files that are none."""
    root = tmp_path / "data"
    for number in range(12):
        picture(root / f"train/c{number % 2}/{number}.png", number)
    for number in range(2):
        (root / f"train/c0/bad{number}.png").write_bytes(b"no picture %d" % number)
        age(root / f"train/c0/bad{number}.png")
    return root


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


# --- caps, and files that stop being readable ---------------------------------------------------


def test_a_cap_that_is_lowered_is_judged_anew(root: Path, store: Path, measure: Measure) -> None:
    measure(root, store, caps=CAPS)
    found = measure(root, store, caps=Caps(pixels=6 * 6, file_bytes=10**6))
    refused = {path for path, fact in facts_of(found).items() if "cap" in str(fact[4])}
    assert refused == {f"train/c{n % 2}/{n}.png" for n in range(12) if n % 3 == 2}
    before = facts_of(measure(root, store, caps=CAPS))
    assert not any("cap" in str(fact[4]) for fact in before.values())


def test_a_file_cap_that_is_lowered_refuses_the_large_file(
    root: Path, store: Path, measure: Measure
) -> None:
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (64, 64, 3), np.uint8)).save(root / "train/c0/0.png")
    age(root / "train/c0/0.png")
    assert facts_of(measure(root, store, caps=CAPS))["train/c0/0.png"][4] is None
    found = facts_of(measure(root, store, caps=replace(CAPS, file_bytes=5000)))
    assert "over the cap of 5,000" in found["train/c0/0.png"][4]


def test_a_known_file_that_cannot_be_read_under_new_caps_is_a_finding(
    root: Path, store: Path, measure: Measure
) -> None:
    measure(root, store, caps=CAPS)
    (root / "train/c0/0.png").rename(root.parent / "outside.png")
    (root / "train/c0/0.png").symlink_to(root.parent / "outside.png")
    found = facts_of(measure(root, store, caps=replace(CAPS, pixels=10**5)))
    assert "link out of the dataset" in found["train/c0/0.png"][4]


def test_a_link_that_replaced_a_file_is_refused_though_size_and_time_are_the_same(
    root: Path, store: Path, measure: Measure
) -> None:
    measure(root, store)
    (root / "train/c0/0.png").rename(root.parent / "outside.png")
    (root / "train/c0/0.png").symlink_to(root.parent / "outside.png")
    found = facts_of(measure(root, store))
    assert found["train/c0/0.png"][4] is not None, "a link out of the root passes on a warm store"


def test_a_known_file_that_is_gone_is_a_finding(root: Path, store: Path, measure: Measure) -> None:
    dataset, _ = measure(root, store)
    (root / "train/c0/0.png").unlink()
    found = facts_of(measure(dataset, store))
    assert "No such file" in found["train/c0/0.png"][4]
    assert found["train/c0/0.png"][0] == bytes(32)


# --- damage, kills and crowds -------------------------------------------------------------------


def parts(store: Path, table: str) -> list[Path]:
    return sorted(store.glob(f"v*/{table}-*/part-*.parquet"))


@pytest.mark.parametrize("table", ["files", "pixels"])
@pytest.mark.parametrize("damage", ["cut", "gone", "garbage", "other schema"])
def test_a_damaged_store_gives_the_same_facts(
    root: Path, store: Path, measure: Measure, table: str, damage: str
) -> None:
    expected = facts_of(measure(root, store))
    (part,) = parts(store, table)
    if damage == "gone":
        part.unlink()
    elif damage == "other schema":
        import pyarrow.parquet as pq

        rows = pq.read_table(part)
        pq.write_table(rows.append_column("more", pa.nulls(len(rows), pa.int8())), part)
    else:
        part.write_bytes(part.read_bytes()[:-300] if damage == "cut" else b"garbage")
    assert facts_of(measure(root, store)) == expected
    assert cost(measure(root, store)) == (0, 0)


def test_many_small_runs_are_merged_and_stay_right(
    root: Path, tmp_path: Path, store: Path, measure: Measure
) -> None:
    for number in range(40):
        picture(root / f"train/c0/more{number}.png", 300 + number)
        if number % 3 == 0:
            (root / f"train/c0/more{number}.png").rename(root / f"train/c1/moved{number}.png")
        found = measure(root, store)
        assert cost(found) == ((1, 1) if number else (15, 15))
    assert facts_of(found) == facts_of(measure(root, tmp_path / "fresh"))
    assert len(parts(store, "files")) < 20
    assert len(parts(store, "pixels")) < 20
    assert cost(measure(root, store)) == (0, 0)


RUN = """
import sys, time
from contextlib import nullcontext
from labelgate.fixtures import decoding

def progress(title, total):
    return nullcontext(lambda done: (print(done, flush=True), time.sleep(0.02)))

if __name__ == "__main__":  # spawned workers import this script as well, and none of the below
    from pathlib import Path
    from labelgate.fixtures import decode_pass
    from labelgate.fixtures.pixels import Caps
    from labelgate.fixtures.readers import read_dataset
    from labelgate.fixtures.settings import Settings
    from labelgate.fixtures.store import open_store

    decode_pass.FLUSH_SECONDS = 0.05
    decode_pass.BATCH = 10
    root, store, workers = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    settings = Settings(root, store, None, None, store, workers, False)
    pixels = decode_pass.measure_pixels(
        read_dataset(root), open_store(store), Caps(89_478_485, 2**28), settings, progress
    )
    print("decoded", pixels.decoded, "read", pixels.read)
"""


def start(tmp_path: Path, root: Path, store: Path, workers: int) -> "subprocess.Popen[str]":
    script = tmp_path / "run.py"
    script.write_text(RUN)
    argv = [sys.executable, str(script), str(root), str(store), str(workers)]
    variables = os.environ | {"PYTHONFAULTHANDLER": "1"}
    return subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=variables
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_a_killed_run_is_gone_on_with_and_ends_with_the_same_facts(
    tmp_path: Path, store: Path, measure: Measure, workers: int
) -> None:
    root = tmp_path / "data"
    for number in range(600):
        picture(root / f"train/c/{number}.png", number)
    with start(tmp_path, root, store, workers) as run:
        assert run.stdout is not None
        for _ in range(25):
            run.stdout.readline()
        run.send_signal(signal.SIGKILL)
    resumed = measure(root, store, workers=workers)
    assert 0 < resumed[1].decoded <= 600 - 100
    assert facts_of(resumed) == facts_of(measure(root, tmp_path / "fresh"))
    assert cost(measure(root, store)) == (0, 0)


def test_two_runs_at_once_on_one_store_both_end_well(
    root: Path, tmp_path: Path, store: Path, measure: Measure
) -> None:
    shutil.copytree(root, tmp_path / "other")
    roots = (root, root, tmp_path / "other")
    runs = [start(tmp_path, each, store, 0) for each in roots]
    said = [run.communicate(timeout=60) for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0], said
    last = [out.splitlines()[-1] for out, _ in said]
    assert "decoded 0 read 0" in last[:2], "the one that waits finds everything done"
    assert facts_of(measure(root, store)) == facts_of(measure(root, tmp_path / "fresh"))


def test_a_file_that_kills_the_decoder_is_a_finding_of_its_own(
    root: Path, tmp_path: Path, store: Path
) -> None:
    killer = """
import os
from labelgate.fixtures import pixels
_decode = pixels.decode
def decode(data, caps):
    return os.kill(os.getpid(), 9) if data == b"no picture 1" else _decode(data, caps)
decoding.decode = decode
"""
    script = tmp_path / "killer.py"
    head, main = RUN.split('if __name__ == "__main__":')
    main = main.replace('print("decoded"', 'print(pixels.problems)\n    print("decoded"')
    script.write_text(head + killer + 'if __name__ == "__main__":' + main)
    # a spawned worker imports the main script again, and with it the deadly decoder
    run = subprocess.run(
        [sys.executable, str(script), str(root), str(store), "2"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    problems = run.stdout.splitlines()[-2]
    assert problems.count("was killed") == 1
    assert problems.count("it begins like text") == 1


def test_a_file_that_exhausts_memory_is_a_finding_and_does_not_stop_the_run(
    root: Path, store: Path, measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode = decoding.decode

    def exhausted(data: bytes, caps: Caps) -> object:
        if data == b"no picture 1":
            raise MemoryError
        return decode(data, caps)

    monkeypatch.setattr(decoding, "decode", exhausted)
    facts = facts_of(measure(root, store))
    assert "memory" in facts["train/c0/bad1.png"][4]
    assert facts["train/c0/0.png"][4] is None


def test_the_facts_of_a_read_only_dataset_are_measured(
    root: Path, store: Path, measure: Measure
) -> None:
    for path in (root, *root.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    listed = sorted(root.rglob("*"))
    measure(root, store)
    assert sorted(root.rglob("*")) == listed
    for path in (root, *root.rglob("*")):
        path.chmod(0o755)
