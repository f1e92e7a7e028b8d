"""JUnit's file is the one that pytest writes, and is on disk while tests end."""

import re
from pathlib import Path

import pytest

TESTS = """
import pytest

@pytest.fixture
def broken():
    raise ValueError("no set-up")

@pytest.fixture
def untidy():
    yield
    raise ValueError("no tear-down")

def test_passes(record_property):
    record_property("property", "<files> & more")
    print("said, not shown")

def test_fails():
    assert False, "<&\\x07>"

def test_of_the_run(record_testsuite_property):
    record_testsuite_property("dataset", "imagenet")

@pytest.mark.parametrize("label", ["crane", "crane, bird", "a[b]::c"])
def test_of_a_class(label):
    if "," in label:
        pytest.skip("not measured")

def test_broken(broken): ...
def test_untidy(untidy): ...
def test_fails_untidily(untidy): assert False

@pytest.mark.xfail(reason="accepted")
def test_known(): assert False

@pytest.mark.xfail(strict=True)
def test_passes_now(): ...

def test_last(): ...
"""

STREAMING = """
import pytest
from labelgate.plugins.report.junit import stream_junit

class Watching:
    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session):
        (stream,) = [p for p in session.config.pluginmanager.get_plugins()
                     if type(p).__name__ == "JUnitStream"]
        with open("taken.txt", "a") as file:
            print(stream._taken.tell(), len(stream._plugin.node_reporters_ordered), file=file)

@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    if config.option.xmlpath and not hasattr(config, "workerinput"):
        stream_junit(config)
        config.pluginmanager.register(Watching())
"""

COLLECTED = "import pytest\npytest.skip('not for this dataset', allow_module_level=True)\n"


def _write(pytester: pytest.Pytester, name: str, *arguments: str, apart: bool = False) -> str:
    """What pytest writes, but for what the clock says."""
    pytester.syspathinsert()
    run = pytester.runpytest_subprocess if apart else pytester.runpytest_inprocess
    told = f"--junitxml=out/{name}.xml", "-o", "junit_logging=all", "-o", "junit_family=xunit1"
    run(*told, "-p", "no:cacheprovider", *arguments)
    text = Path(pytester.path, "out", f"{name}.xml").read_text(encoding="utf-8")
    return re.sub(r'\b(time|timestamp)="[^"]+"', r"\1", text)


def _cases(text: str) -> list[str]:
    """The elements of a file in a certain order, without the names of processes."""
    found = re.findall(r"<testcase.*?(?=<testcase|</testsuite>)", text, re.DOTALL)
    return sorted(re.sub(r"\[gw\d\][^\n]*\n", "", case) for case in found)


@pytest.mark.parametrize("also", [{}, {"test_a": COLLECTED}], ids=["ended", "open"])
def test_the_file_is_the_one_that_pytest_writes(
    pytester: pytest.Pytester, also: dict[str, str]
) -> None:
    pytester.makepyfile(test_all=TESTS, streaming=STREAMING, **also)
    plain, streamed = _write(pytester, "plain"), _write(pytester, "streamed", "-p", "streaming")
    assert len(_cases(plain)) == 13 + len(also)
    assert streamed == plain
    taken, kept = map(int, Path(pytester.path, "taken.txt").read_text().split())
    if not also:
        assert taken > 2_000
        assert kept == 1  # the place of what was taken: pytest keeps no element
    else:
        assert kept == 15  # what never ends keeps its place, and all after it theirs


def test_tests_of_another_process_stand_in_it_once(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_all=TESTS, streaming=STREAMING)
    streamed = _write(pytester, "streamed", "-p", "streaming", "-p", "xdist", "-n1", apart=True)
    assert _cases(streamed) == _cases(_write(pytester, "plain"))
