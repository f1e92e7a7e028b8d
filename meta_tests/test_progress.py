"""Progress: a plain line now and then for a log, a bar for a person, nothing under -q."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from labelgate.plugins import progress_bar as module

SHOW = """
import time

import pytest


def test_show(progress):
    with progress("decoding images", 3) as advance:
        for _ in range(3):
            advance(1)
            time.sleep(0.15)
"""


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def lines_of(clock: Clock, seconds: list[float], capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What is told when ten of a thousand are done after each of these waits."""
    with module._lines("decoding images", 1000) as advance:
        for wait in seconds:
            clock.now += wait
            advance(10)
    return capsys.readouterr().err.splitlines()


def test_a_short_measurement_is_silent(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    assert lines_of(clock, [0.5, 0.5, 0.5], capsys) == []


def test_a_long_one_tells_after_two_seconds_and_then_every_ten(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(lines_of(clock, [1.0] * 30, capsys)) == 3


def test_a_line_says_done_total_rate_and_time_left(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = lines_of(clock, [1.0, 1.0], capsys)
    assert line == "decoding images: 20 of 1,000, 10/s, 98 s left"


def test_a_line_is_told_when_no_time_has_passed_on_the_clock(
    clock: Clock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_LINE", 0.0)
    (line,) = lines_of(clock, [0.0], capsys)
    assert line.startswith("decoding images: 10 of 1,000, ")


def test_lines_go_to_stderr_even_while_a_test_is_captured(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SHOW)
    pytester.makeconftest(
        "pytest_plugins = ['labelgate.plugins.progress']\n"
        "from labelgate.plugins import progress_bar as module\n"
        "module.FIRST_LINE = 0.2\n"
    )
    run = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    run.assert_outcomes(passed=1)
    run.stderr.re_match_lines([r"decoding images: [23] of 3, \d+/s, \d s left"])
    assert "decoding images:" not in run.stdout.str()


def test_nothing_is_told_under_q(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SHOW)
    pytester.makeconftest(
        "pytest_plugins = ['labelgate.plugins.progress']\n"
        "from labelgate.plugins import progress_bar as module\n"
        "module.FIRST_LINE = 0.2\n"
    )
    run = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-q")
    run.assert_outcomes(passed=1)
    assert "decoding images" not in run.stderr.str()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pty")
def test_a_person_sees_a_bar_with_rate_and_eta(tmp_path: Path) -> None:
    import pty

    (tmp_path / "test_show.py").write_text(SHOW)
    (tmp_path / "conftest.py").write_text("pytest_plugins = ['labelgate.plugins.progress']\n")
    ours, theirs = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-q", "--verbosity=0"],
        cwd=tmp_path,
        env=environment | {"TERM": "xterm", "COLUMNS": "100"},
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        timeout=60,
        check=False,
    )
    os.close(theirs)
    told = b""
    while chunk := _read(ours):
        told += chunk
    os.close(ours)
    assert run.returncode == 0
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", told.decode())
    assert re.search(r"decoding images .*[123]/3 .*\d+/s ETA", shown), shown


def _read(descriptor: int) -> bytes:
    """Reads from a terminal whose other end is closed: Linux raises at the end."""
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""
