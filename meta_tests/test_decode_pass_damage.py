"""The decode pass where files, stores, decoders and whole runs break."""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from old_pictures import CAPS, Measure, age, cost, facts_of, lay_old_pictures, picture
from PIL import Image

from labelgate.fixtures import decoding
from labelgate.fixtures.pixels import Caps


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return lay_old_pictures(tmp_path / "data")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


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
    if not script.exists():  # a run that has begun may be reading it
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
