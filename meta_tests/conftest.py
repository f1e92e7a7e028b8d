"""What the meta tests share: small pictures, and runs of the suite in processes of their own."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

sys.path.insert(0, str(Path(__file__).parent))  # what several test modules share stands beside them

from browser import browser, visit  # noqa: F401 - fixtures of every module
from network_fixtures import no_hub, open_clip, timm, timm_file  # noqa: F401
from remote_reads import impatient, nothing_is_remembered  # noqa: F401
from shuffled import reverse_tables
from warm import PATIENCE, ask

from labelgate.fixtures.report_json import load_report

hypothesis_settings.register_profile(
    "busy machines", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("busy machines")  # figures are for benchmarks, not for tests

SUITE = (
    *("-m", "pytest", "--pyargs", "labelgate.dataset_tests", "--import-mode=importlib"),
    *("-p", "no:hypothesispytest"),  # it imports hypothesis to say that no check used it: 0.2 s
)
PROGRAM = ("-m", "labelgate.plugins.command")

Python = Callable[..., "CompletedProcess[str]"]
Runs = dict[str, "CompletedProcess[str]"]

ORDER = ("suite", "warm", "sample", "visit")
"""Fixtures that start processes, those that take longest first; the sample is told of below."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the modules first that take longest, so that both workers end at about the same time.

    One that asks for the sample leads, and makes it. The others that do come after those with runs
    of their own, when it is there: else the second worker would wait for it as long as it takes.
    """
    asked: dict[Path, set[str]] = {}
    for item in items:
        asked.setdefault(item.path, set()).update(getattr(item, "fixturenames", ()))
    sampled = [path for path, names in asked.items() if "sample" in names]
    ranks = {path: _rank(names) for path, names in asked.items()} | dict.fromkeys(sampled[:1], -1)
    items.sort(key=lambda item: ranks[item.path])


def _rank(asked: set[str]) -> int:
    if "sample" in asked:  # and so for the two before it
        return ORDER.index("sample")
    return next((rank for rank, name in enumerate(ORDER) if name in asked), len(ORDER))


MOVED = "else where/\N{LATIN SMALL LETTER O WITH DIAERESIS} \N{CJK UNIFIED IDEOGRAPH-732B}/moved"
"""Where the copy of the sample lies: a path with blanks and letters of other scripts."""

OTHER_WORLD = {"TZ": "XXX-14", "LC_ALL": "C", "PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "1"}
ANOTHER_WORLD = {"TZ": "YYY+12", "LC_ALL": "POSIX", "PYTHONHASHSEED": "0"}
"""What a process finds around it, and no verdict depends on."""


def share(
    factory: pytest.TempPathFactory, name: str, run: Callable[[Path], Runs]
) -> tuple[Path, Runs]:
    """Makes runs in one folder for all workers of pytest-xdist: whoever asks first makes them."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    ended = folder / "ended.json"
    with FileLock(folder.with_suffix(".lock")):
        if not ended.exists():
            folder.mkdir()
            ended.write_text(json.dumps({way: vars(told) for way, told in run(folder).items()}))
    told = json.loads(ended.read_text())
    return folder, {way: CompletedProcess(**fields) for way, fields in told.items()}


def clean_environment() -> dict[str, str]:
    """The environment without what this session of pytest left in it.

    Without CI either, where pytest writes each crash out twice: what a run prints is the same here.
    """
    left_out = ("PYTEST", "CI", "BUILD_NUMBER")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(left_out)}
    return kept | {"PYTHONUTF8": "1", "COLUMNS": "100", "GX_ANALYTICS_ENABLED": "false"}


@pytest.fixture(scope="session")
def python(warm: str) -> Python:
    """Runs Python in a folder, which is importable there, and returns code, stdout and stderr."""

    def run(folder: Path, *arguments: str, **variables: str) -> "CompletedProcess[str]":
        env = clean_environment() | {"PYTHONPATH": str(folder)} | variables
        if warm and arguments[0] == "-m" and not any(key.startswith("PYTHON") for key in variables):
            return run_warm(warm, folder, arguments, env)
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=folder,
            env=env,
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The socket of a process that runs modules in forks (`warm.py`); "" where there is no fork."""
    if not hasattr(os, "pidfd_open"):
        yield ""
        return
    address = str(tmp_path_factory.mktemp("warm") / "socket")
    program = Path(__file__).with_name("warm.py")
    with subprocess.Popen(
        [sys.executable, program, address],
        env=clean_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"listening\n"
        yield address
        process.communicate()


def run_warm(
    address: str, folder: Path, arguments: tuple[str, ...], env: dict[str, str]
) -> "CompletedProcess[str]":
    """Runs `python -m` in a fork of a process that has the large libraries already."""
    with tempfile.TemporaryDirectory() as told:
        files = {name: Path(told) / name for name in ("stdout", "stderr")}
        named = {name: str(file) for name, file in files.items()}
        job = {"arguments": arguments[1:], "cwd": str(folder), "env": env, **named}
        code = ask(address, job, PATIENCE)
        said = {name: file.read_text(encoding="utf-8") for name, file in files.items()}
    return CompletedProcess([sys.executable, *arguments], code, **said)


@pytest.fixture(scope="session")
def suite(python: Python) -> Python:
    """Runs the suite in a folder; dataset, report and store are `data`, `report`, `store` there."""

    def run(folder: Path, *arguments: str, **variables: str) -> "CompletedProcess[str]":
        named = {argument.partition("=")[0] for argument in arguments}
        default = {"--dataset": "data", "--report": "report", "--store": "store"}
        given = [f"{key}={value}" for key, value in default.items() if key not in named]
        quiet = ("-p", "no:cacheprovider", "--tb=short")
        return python(folder, *SUITE, *quiet, *given, *arguments, **variables)

    return run


@pytest.fixture(scope="session")
def at_once() -> Callable[[Mapping[str, Callable[[], Any]]], dict[str, Any]]:
    """Calls functions two at a time, and returns what each returned."""

    def call(functions: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
        with ThreadPoolExecutor(2) as pool:
            running = {name: pool.submit(function) for name, function in functions.items()}
            return {name: future.result() for name, future in running.items()}

    return call


@pytest.fixture(scope="session")
def draw() -> Callable[[Path, Mapping[str, int]], Path]:
    """Writes small pictures; equal numbers are equal pixels, a negative one is no picture."""
    from PIL import Image

    def write(root: Path, pictures: Mapping[str, int]) -> Path:
        for path, number in pictures.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            if number < 0:
                file.write_bytes(b"no picture %d" % number)
                continue
            color = number % 251, number // 251 % 251, 7
            Image.new("RGB", (8, 8), color).save(file, "PNG")
        return root

    return write


@pytest.fixture
def place(tmp_path: Path) -> Callable[[Iterable[str]], Path]:
    """Makes empty files and, where the path ends with a slash, folders."""

    def make(paths: Iterable[str]) -> Path:
        root = tmp_path / "data"
        root.mkdir(exist_ok=True)
        for path in paths:
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.mkdir(exist_ok=True) if path.endswith("/") else file.touch()
        return root

    return make


@pytest.fixture
def describe(place: Callable[[Iterable[str]], Path]) -> Callable[..., Path]:
    """Writes a dataset.toml beside `train/cat/1.png`, `val/1.png` and `val/2.png`, and tables."""

    def write(text: str, **tables: str) -> Path:
        root = place(["train/cat/1.png", "val/1.png", "val/2.png"])
        (root / "dataset.toml").write_text(text, encoding="utf-8")
        for name, table in tables.items():
            (root / f"{name}.csv").write_bytes(table.encode())
        return root

    return write


@pytest.fixture(scope="session")
def outcomes() -> Callable[[Path], dict[tuple[str, str], str]]:
    """Reads the outcome of each property and subject from a report folder."""

    def read(folder: Path) -> dict[tuple[str, str], str]:
        results = load_report(folder)[1]["results"]
        return {(result["property"], result["subject"]): result["outcome"] for result in results}

    return read


@pytest.fixture(scope="session")
def sample(
    tmp_path_factory: pytest.TempPathFactory,
    python: Python,
    suite: Python,
    at_once: Callable[[Mapping[str, Callable[[], Any]]], dict[str, Any]],
) -> tuple[Path, Runs]:
    """The sample dataset after several runs: their folder, and how each ended.

    `demo` is cold, with two workers; `check` warm, without workers; `copied` in another root, with
    one worker, under pytest-xdist, and cold but for the planted copies, half of a cold run's time;
    both in another world, which `test_determinism.py` describes; `expired`, `clean` and `part` tell
    by their names.
    """
    return share(
        tmp_path_factory, "sample", lambda folder: run_sample(folder, python, suite, at_once)
    )


def run_sample(
    folder: Path,
    python: Python,
    suite: Python,
    at_once: Callable[[Mapping[str, Callable[[], Any]]], dict[str, Any]],
) -> Runs:
    """Draws the sample, flawed and clean, and checks it in several ways."""
    from labelgate.fixtures.sample.build import build_sample

    here = f"--store={folder}/store"
    demo = python(folder, *PROGRAM, "demo", "data", "--report=demo", here, "--workers=2")
    shutil.copytree(folder / "data", folder / MOVED)
    reverse_tables(folder / MOVED)
    shutil.copy(Path(__file__).with_name("shuffled.py"), folder)
    (planted,) = (each for each in (folder / "store" / "v1").glob("planted-*") if each.is_dir())
    shutil.copytree(planted, folder / "s2" / "v1" / planted.name)
    build_sample(folder / "spotless", flawed=False)
    junit = "--junitxml=junit.xml"
    runs: dict[str, Callable[[], Any]] = {
        "copied": lambda: suite(
            folder, f"--dataset={MOVED}", "--report=copied", "--store=s2", "-n2",
            "--workers=1", "-p", "shuffled", **OTHER_WORLD,
        ),
        "check": lambda: python(
            folder, *PROGRAM, "check", "data", "--report=check", here, "--workers=0", junit,
            **ANOTHER_WORLD,
        ),
        "expired": lambda: suite(
            folder, "--report=expired", here, "--known-failures=data/expired.toml"
        ),
        "clean": lambda: python(
            folder, *PROGRAM, "--dataset=spotless", "--report=clean", here
        ),
        "part": lambda: suite(folder, "--report=part", here, "-k", "dam and files"),
    }  # fmt: skip
    ended = {"demo": demo, **at_once(runs)}
    for name, run in ended.items():
        assert (folder / name / "report.json").is_file(), f"{name}:\n{run.stdout}\n{run.stderr}"
    return ended


@pytest.fixture(scope="session")
def sharded(
    tmp_path_factory: pytest.TempPathFactory,
    suite: Python,
    draw: Callable[[Path, Mapping[str, int]], Path],
    at_once: Callable[[Mapping[str, Callable[[], Any]]], dict[str, Any]],
) -> tuple[Path, Runs]:
    """Three classes, an exact duplicate in each of two, one of them a known failure; two shards."""
    return share(
        tmp_path_factory, "sharded", lambda folder: run_shards(folder, suite, draw, at_once)
    )


def run_shards(
    folder: Path,
    suite: Python,
    draw: Callable[[Path, Mapping[str, int]], Path],
    at_once: Callable[[Mapping[str, Callable[[], Any]]], dict[str, Any]],
) -> Runs:
    """Checks one dataset as a whole and in two shards."""
    pictures = {
        f"train/{label}/{i}.png": 20 * c + i for c, label in enumerate("abc") for i in range(12)
    }
    draw(folder / "data", pictures | {"train/a/copy.png": 0, "train/b/copy.png": 20})
    test = "test_exact_duplicates::test_no_exact_duplicates_within_a_split"
    entry = 'reason = "r"\nowner = "o"\nexpires = 2999-01-01\n'
    (folder / "known.toml").write_text(f'[[known]]\ntest = "{test}[b]"\n{entry}')
    chosen = ("-k", "files or exact_duplicates or taxonomy", "--known-failures=known.toml")

    def run(name: str, *arguments: str) -> Callable[[], Any]:
        return lambda: suite(folder, f"--report={name}", *chosen, *arguments)

    ended = {"whole": run("whole")()}
    ended |= at_once({"1": run("1", "--shard=1/2"), "2": run("2", "--shard=2/2", "-n2")})
    return ended


@pytest.fixture(scope="session")
def measure() -> Callable[..., Any]:
    """Runs the decode pass as a process of its own would; returns dataset and pixels."""
    from contextlib import nullcontext

    from labelgate.fixtures import decoding
    from labelgate.fixtures.dataset import Dataset
    from labelgate.fixtures.decode_pass import measure_pixels
    from labelgate.fixtures.pixels import Caps
    from labelgate.fixtures.readers import read_dataset
    from labelgate.fixtures.settings import Settings
    from labelgate.fixtures.store import open_store

    def run(
        data: Path | Dataset,
        store: Path,
        *,
        workers: int = 0,
        rehash: bool = False,
        caps: Caps = Caps(89_478_485, 2**28),  # noqa: B008
    ) -> tuple[Dataset, Any]:
        decoding._stored_contents.cache_clear()
        dataset = data if isinstance(data, Dataset) else read_dataset(data)
        asked = Settings(dataset.root, store, None, None, store, workers, rehash)
        silent = lambda title, total: nullcontext(lambda done: None)  # noqa: E731
        return dataset, measure_pixels(dataset, open_store(store), caps, asked, silent)

    return run


@pytest.fixture(scope="session")
def lay_out() -> Callable[[Mapping[str, int]], Any]:
    """Lays a dataset out in memory, without files; returns dataset, pixels and pictures.

    `train/cat/1` is an image of a class, `test/1` one of a split without labels; equal numbers are
    equal pixels, a negative one is no picture.
    """
    import hashlib

    import numpy as np

    from labelgate.fixtures.dataset import SplitNames, assemble
    from labelgate.fixtures.decode_pass import Pixels
    from labelgate.fixtures.exact_duplicates import propose_groups
    from labelgate.fixtures.pictures import find_pictures
    from labelgate.fixtures.pixels import Caps

    def split_of(name: str, paths: list[str]) -> SplitNames:
        labels = [path.split("/")[1] for path in paths if path.count("/") > 1]
        return SplitNames(name, paths, labels or None)

    def lay(pictures: Mapping[str, int]) -> Any:  # noqa: ANN401
        names = sorted({path.partition("/")[0] for path in pictures})
        splits = [split_of(n, [p for p in pictures if p.startswith(f"{n}/")]) for n in names]
        dataset = assemble("memory", Path("/nowhere"), splits)
        numbers = [pictures[path] for path in dataset.paths]
        rows = [hashlib.sha256(b"%d" % number).digest() for number in numbers]
        content = np.frombuffer(b"".join(rows), np.uint8).reshape(-1, 32)
        hashes = np.where(np.array(numbers)[:, None] < 0, np.uint8(0), content[:, :16])
        side = np.where(np.array(numbers) < 0, 0, 8).astype(np.int32)
        pixels = Pixels(content, hashes, side, side, {}, 0, 0, 0.0, "none", Caps(10**6, 10**6))
        return dataset, pixels, find_pictures(dataset, pixels, propose_groups(hashes))

    return lay
