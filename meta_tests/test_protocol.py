"""A check runs in one step and is told as ever, and in all steps where somebody else takes part."""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import CompletedProcess
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from labelgate.fixtures.report_json import load_report
from labelgate.plugins import idle, protocol

Suite = Callable[..., "CompletedProcess[str]"]
Draw = Callable[[Path, Mapping[str, int]], Path]

PICTURES = {f"{s}/{c}/{i}.png": 50 * n + i for n, (s, c) in enumerate(
    [("train", "cat"), ("train", "dog"), ("val", "cat"), ("val", "dog")]) for i in range(11)
} | {"val/dog/0.png": 0, "val/dog/bad.png": -1}  # fmt: skip

COUNTING = """
from pathlib import Path

import _pytest.warnings

def pytest_sessionstart():
    from labelgate.plugins import protocol
    report = protocol._report

    def counted(item, function):
        with Path("quick.txt").open("a") as stream:
            print(item.nodeid, file=stream)
        report(item, function)

    protocol._report = counted
    warnings, catch = _pytest.warnings, _pytest.warnings.catch_warnings_for_item

    def caught(config, ihook, when, item):
        if item is not None:
            with Path("around.txt").open("a") as stream:
                print(item.nodeid, file=stream)
        return catch(config, ihook, when, item)

    warnings.catch_warnings_for_item = caught
"""

TAKING_PART = """
from pathlib import Path

def pytest_runtest_setup(item):
    with Path("seen.txt").open("a") as stream:
        print(item.nodeid, file=stream)
"""

FIXTURE = """
from pathlib import Path

import pytest

@pytest.fixture(autouse=True)
def everywhere(request):
    with Path("fixed.txt").open("a") as stream:
        print(request.node.nodeid, file=stream)
"""

MARKING = """
import pytest

def pytest_collection_modifyitems(items):
    for item in items:
        if item.name == "test_no_exact_duplicates_within_a_split[cat]":
            item.add_marker(pytest.mark.skip(reason="somebody's"))
"""

MARKED = "test_no_exact_duplicates_within_a_split[cat]"

STEMS = {
    "exact_duplicates": (
        "no_exact_duplicates_across_splits",
        "no_exact_duplicates_within_a_split",
        "identical_pixels_have_one_label",
    ),
    "files": ("every_image_decodes", "classes_have_enough_images"),
}

CHECKS = [
    f"test_{name}[{label}]"
    for names in STEMS.values()
    for name in names
    for label in ("cat", "dog")
]
"""In the order in which they run."""

PLUGINS = {"counting": COUNTING, "marking": MARKING, "part": TAKING_PART, "fixture": FIXTURE}


@pytest.fixture(scope="module")
def runs(
    tmp_path_factory: pytest.TempPathFactory, suite: Suite, draw: Draw, at_once: Callable[..., Any]
) -> tuple[Path, dict[str, "CompletedProcess[str]"]]:
    """The same checks with several plugins; their folder, and how each run ended."""
    folder = tmp_path_factory.mktemp("protocol")
    draw(folder / "data", PICTURES)
    for name, text in PLUGINS.items():
        (folder / f"{name}.py").write_text(text)

    def run(name: str) -> Callable[[], Any]:
        plugins = [each for one in ("counting", "marking", name) for each in ("-p", one)]
        told = f"--report={name}", f"--junitxml={name}.xml", "-k", "files or exact_duplicates"
        return lambda: suite(folder, *plugins, *told, "--workers=0", f"--store={name}-store")

    return folder, at_once({name: run(name) for name in ("counting", "part", "fixture")})


def results(folder: Path, name: str) -> list[dict[str, Any]]:
    report = load_report(folder / name)[1]
    return [{key: result[key] for key in ("property", "subject", "outcome", "message")}
            for result in report["results"]]  # fmt: skip


def cases(folder: Path, name: str) -> list[tuple[str, list[str], list[tuple[str, ...]]]]:
    """Name, outcome and properties of each case of JUnit's file."""
    return [
        (
            str(case.get("name")),
            [child.tag for child in case if child.tag != "properties"],
            [tuple(map(str, each.attrib.values())) for each in case.iter("property")],
        )
        for case in ElementTree.parse(folder / f"{name}.xml").iter("testcase")
    ]


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines()


def test_checks_run_in_one_step_but_for_the_first_and_the_last_of_a_module(
    runs: tuple[Path, Any],
) -> None:
    folder, ended = runs
    assert ended["counting"].returncode == 1
    quick = lines(folder / "quick.txt")  # the other runs add none
    assert len(quick) == len(set(quick)) == len(CHECKS) - 3 - 1
    around = Counter(lines(folder / "around.txt"))  # of all three runs
    assert {around[address] for address in quick} == {2}
    assert sorted(around.values()) == [2] * len(quick) + [3] * 4


def test_what_is_told_is_the_same_in_one_step_and_in_all(runs: tuple[Path, Any]) -> None:
    folder, ended = runs
    outcomes = {result["outcome"] for result in results(folder, "counting")}
    assert outcomes == {"passed", "failed"}
    for name in ("part", "fixture"):
        assert results(folder, name) == results(folder, "counting")
        assert cases(folder, name) == cases(folder, "counting")
        told = [[line for line in ended[each].stdout.splitlines() if "test_" in line]
                for each in ("counting", name)]  # fmt: skip
        assert told[0] == told[1]


def test_a_plugin_and_a_fixture_take_part_in_every_check(runs: tuple[Path, Any]) -> None:
    folder, _ = runs
    for file in ("seen.txt", "fixed.txt"):
        names = [line.rpartition("::")[2] for line in lines(folder / file)]
        assert names == [check for check in CHECKS if check != MARKED]


def test_a_marker_of_somebody_counts(runs: tuple[Path, Any]) -> None:
    folder, _ = runs
    told = [f"test_{r['property']}[{r['subject']}]" for r in results(folder, "counting")]
    assert sorted(told) == sorted({*CHECKS} - {MARKED})


@pytest.mark.parametrize("option", protocol.INTERACTIVE)
def test_who_wants_to_see_each_step_sees_it(
    option: str, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle, "module_of", lambda plugin: "_pytest")
    assert protocol._are_alone(pytestconfig)
    assert getattr(pytestconfig.option, option) is False
    monkeypatch.setattr(pytestconfig.option, option, True)
    assert not protocol._are_alone(pytestconfig)


@pytest.mark.parametrize("hook", protocol.AROUND)
def test_who_runs_the_tests_or_stands_around_them_has_pytests_loop(
    hook: str, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    somebody = SimpleNamespace(**{hook: lambda: None})
    name = {True: "somebody", False: "_pytest"}
    monkeypatch.setattr(idle, "module_of", lambda plugin: name[plugin is somebody])
    monkeypatch.setattr(pytestconfig.option, "collectonly", False)
    monkeypatch.delattr(pytestconfig, "workerinput", raising=False)
    before = protocol._is_one_loop(pytestconfig)
    pytestconfig.pluginmanager.register(somebody)
    try:
        assert (before, protocol._is_one_loop(pytestconfig)) == (True, False)
    finally:
        pytestconfig.pluginmanager.unregister(somebody)
