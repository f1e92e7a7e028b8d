"""A check takes little memory until somebody asks for its parts, and is what pytest makes then."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import CompletedProcess
from types import SimpleNamespace
from typing import Any

import pytest

from labelgate.plugins import idle
from labelgate.plugins.report.terminal import let_go, makes_sums

Suite = Callable[..., "CompletedProcess[str]"]
Draw = Callable[[Path, Mapping[str, int]], Path]

PICTURES = {f"train/{label}/{i}.png": i for i, label in enumerate(("cat", "dög", "a[b]"))}

TELLING = """
import json
import os

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    from labelgate.plugins import light

    if os.environ["AS"] == "pytest":
        light._is_plain = light.is_usual = lambda test: False


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session):
    from labelgate.plugins.light import Check

    light = [item for item in session.items if isinstance(item, Check)]
    kept = [dict(vars(item)) for item in light if item.is_light]
    told = [tell(item) for item in session.items]
    with open(os.environ["AS"] + ".json", "w") as stream:
        json.dump({"light": len(light), "kept": kept, "items": told}, stream, default=repr)


def tell(item):
    spec = getattr(item, "callspec", None)
    return {
        **{"id": item.nodeid, "name": item.name, "location": item.location, "again": str(item.id)},
        **{"spec": spec and [spec.params, spec.indices, spec.id], "original": item.originalname},
        **{"markers": [mark.name for mark in item.iter_markers()], "own": item.own_markers},
        **{"keywords": sorted(item.keywords), "extra": sorted(item.listextrakeywords())},
        **{"told": item.user_properties, "fixtures": item.fixturenames, "args": item.funcargs},
        **{"function": item.function.__qualname__, "module": item.module.__name__},
        **{"stash": len(item.stash), "self": item.name in item.keywords, "chain": item.listnames()},
    }
"""


@pytest.fixture(scope="module")
def told(
    tmp_path_factory: pytest.TempPathFactory, suite: Suite, draw: Draw, at_once: Callable[..., Any]
) -> dict[str, dict[str, Any]]:
    """What is said of the items of a run, as we make them and as pytest does."""
    folder = tmp_path_factory.mktemp("light")
    draw(folder / "data", PICTURES)
    (folder / "telling.py").write_text(TELLING)

    def run(name: str) -> Callable[[], Any]:
        return lambda: suite(
            folder, "--collect-only", "-q", "-p", "telling", "-k", "a or dög", AS=name
        )

    ended = at_once({name: run(name) for name in ("ours", "pytest")})
    assert [run.returncode for run in ended.values()] == [0, 0]
    return {name: json.loads((folder / f"{name}.json").read_text()) for name in ended}


def test_a_check_is_what_pytest_makes_when_its_parts_are_asked_for(
    told: dict[str, dict[str, Any]],
) -> None:
    assert told["ours"]["items"] == told["pytest"]["items"]
    assert told["pytest"]["light"] == 0


def test_a_check_keeps_nothing_of_what_it_is_made_of_before(
    told: dict[str, dict[str, Any]],
) -> None:
    assert told["ours"]["light"] > 50
    assert told["ours"]["kept"] == [{}] * told["ours"]["light"]


def report(sections: list[tuple[str, str]] | None = None) -> pytest.TestReport:
    return pytest.TestReport("a", ("a", 0, "a"), {}, "passed", None, "call", sections or ())


@pytest.mark.parametrize("category", ["passed", "not measured", ""])
def test_reports_that_are_only_counted_are_one(category: str) -> None:
    first, second, spoken = report(), report(), report([("stdout", "hear")])
    terminal: Any = SimpleNamespace(stats={category: [first], "failed": [second]})
    for each in (second, spoken):
        terminal.stats[category].append(each)
        let_go(terminal, each)
    assert [id(each) for each in terminal.stats[category]] == [id(first), id(first), id(spoken)]
    assert terminal.stats["failed"] == [second]


@pytest.mark.parametrize(("option", "value"), [("durations", 3), ("reportchars", "A")])
def test_reports_that_are_looked_at_are_kept(
    option: str, value: object, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle, "module_of", lambda plugin: "_pytest")
    monkeypatch.setattr(pytestconfig.option, "reportchars", "")
    monkeypatch.setattr(pytestconfig.option, "durations", None)
    assert makes_sums(pytestconfig)
    monkeypatch.setattr(pytestconfig.option, option, value)
    assert not makes_sums(pytestconfig)


def test_reports_are_kept_for_a_plugin_that_speaks_at_the_end(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pytestconfig.option, "durations", None)
    monkeypatch.setattr(pytestconfig.option, "reportchars", "")
    monkeypatch.setattr(idle, "module_of", lambda plugin: "somebody")
    assert not makes_sums(pytestconfig)
