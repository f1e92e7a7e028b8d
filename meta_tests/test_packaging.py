"""The wheel: the root of the repository as the package, with its data and without our workshop."""

import configparser
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
LEFT_BEHIND = shutil.ignore_patterns(
    ".*", "build", "dist", "*.egg-info", "__pycache__", "labelgate-report", "labelgate-sample"
)


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of a copy of the checkout: building leaves a folder behind where it is done."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, folder / "checkout", ignore=LEFT_BEHIND)
    run = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "./checkout", "--no-deps", "-w", "wheels"],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    if run.returncode and ("No matching distribution" in run.stderr or "Connection" in run.stderr):
        pytest.skip(f"no wheel can be built here: {run.stderr.strip().splitlines()[-1]}")
    assert run.returncode == 0, run.stderr
    (built,) = (folder / "wheels").glob("labelgate-*.whl")
    return zipfile.ZipFile(built)


@pytest.fixture(scope="module")
def names(wheel: zipfile.ZipFile) -> set[str]:
    return set(wheel.namelist())


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile, names: set[str]) -> Message:
    (name,) = [name for name in names if name.endswith(".dist-info/METADATA")]
    return Parser().parsestr(wheel.read(name).decode())


def checkout(pattern: str) -> set[str]:
    found = (file.relative_to(ROOT).as_posix() for file in ROOT.glob(pattern) if file.is_file())
    return {f"labelgate/{name}" for name in found if "__pycache__" not in name}


def test_every_module_of_every_room_is_in_it(names: set[str]) -> None:
    rooms = ("dataset_tests", "expectations", "fixtures", "plugins")
    modules = {name for room in rooms for name in checkout(f"{room}/**/*.py")}
    assert modules - names == set()
    assert "labelgate/plugins/command.py" in names


def test_every_data_file_is_in_it(names: set[str]) -> None:
    data = checkout("plugins/report/templates/*") | checkout("fixtures/weights/*")
    data |= checkout("fixtures/sample/clip/*")
    data |= {"labelgate/expectations/limits.toml", "labelgate/plugins/report/report.schema.json"}
    data |= {"labelgate/plugins/report/diff.schema.json"}
    assert data - names == set()


def test_conftest_is_the_only_module_at_the_root(names: set[str]) -> None:
    assert {name for name in names if re.fullmatch(r"labelgate/[^/]+\.py", name)} == {
        "labelgate/conftest.py"
    }


def test_nothing_of_the_workshop_is_in_it(names: set[str]) -> None:
    inside = {name.split("/")[1] for name in names if name.startswith("labelgate/")}
    assert inside - {"conftest.py", "py.typed"} == {
        "dataset_tests", "expectations", "fixtures", "plugins"
    }  # fmt: skip
    others = {name.split("/")[0] for name in names if not name.startswith("labelgate/")}
    assert others == {f"labelgate-{version('labelgate')}.dist-info"}


def test_the_entry_points_are_those_that_are_declared(
    wheel: zipfile.ZipFile, names: set[str], project: dict[str, Any]
) -> None:
    (name,) = [name for name in names if name.endswith("entry_points.txt")]
    told = configparser.ConfigParser(delimiters="=")
    told.read_string(wheel.read(name).decode())
    assert dict(told["console_scripts"]) == project["project"]["scripts"]
    assert dict(told["pytest11"]) == project["project"]["entry-points"]["pytest11"]


def test_the_metadata_says_version_and_python(metadata: Message, project: dict[str, Any]) -> None:
    assert metadata["Name"] == "labelgate"
    assert metadata["Version"] == project["project"]["version"] == version("labelgate")
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == project["project"].get("license")


def test_the_metadata_tells_what_the_package_is(metadata: Message) -> None:
    told = metadata.get_payload()
    assert isinstance(told, str)
    assert "labelgate" in told


def test_every_package_of_the_checkout_is_declared(project: dict[str, Any]) -> None:
    folders = {
        file.parent.relative_to(ROOT).as_posix().replace("/", ".")
        for file in ROOT.glob("**/__init__.py")
        if not {"build", ".tox"} & set(file.relative_to(ROOT).parts)
    }
    declared = set(project["tool"]["setuptools"]["packages"])
    assert declared == {"labelgate", *(f"labelgate.{name}" for name in folders)}
