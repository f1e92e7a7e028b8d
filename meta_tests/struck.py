"""A run that is struck where it hurts: by what a person, CI, the kernel or a full disk do to it.

A plugin of pytest: `-p struck` with `STRIKE=SIGKILL@embeddings` in the environment. The signal is
sent to this process itself, so that it comes at the same place each time; an error such as
`ENOSPC` is raised there:

- the name of a session fixture: when it is set up;
- `check`: before the third check; `handing out`: when pytest-xdist is told of one;
- `part:N`: in the middle of the Nth write into the store, when half of the part is written;
- `encoding`: when vectors come back from the network, while workers prepare pictures;
- `papers`, `handover`, `drawing`, `pages`, `report`: when the report is written.

`CHILDREN` names a file that is told which processes were left when the session ended.
"""

import errno
import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SIGNAL, _, PLACE = os.environ.get("STRIKE", "").partition("@")

CHECKS = 3


def strike() -> None:
    """Sends the signal to this process, or raises the error."""
    if SIGNAL.startswith("E"):
        code = getattr(errno, SIGNAL)
        raise OSError(code, os.strerror(code))
    os.kill(os.getpid(), signal.Signals[SIGNAL])


def pytest_configure() -> None:
    """Heeds Ctrl-C, which a shell lets the programs ignore that it starts in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> None:
    if fixturedef.argname == PLACE:
        strike()


started: list[str] = []


def pytest_runtest_logstart(nodeid: str) -> None:
    started.append(nodeid)
    if PLACE == "check" and len(started) == CHECKS:
        strike()


def pytest_sessionstart() -> None:
    from labelgate.fixtures import embeddings, parts
    from labelgate.plugins import verdicts
    from labelgate.plugins.report import drawing, evidence, html, write

    if PLACE.startswith("part:"):
        strike_in(parts, "os", int(PLACE.partition(":")[2]))
    if PLACE == "encoding":
        embeddings.BATCH = 4  # so that workers have more to do
        replace(embeddings, "_refuse_other_than_unit", 1)
    written = {
        "papers": (evidence, "write_measurements", 1),
        "handover": (verdicts, "write_json", 2),
        "drawing": (drawing, "_draw_image", 2),
        "pages": (html, "write_class_pages", 1),
        "report": (write, "save_report", 1),
    }
    if PLACE in written:
        replace(*written[PLACE])


def pytest_runtest_logreport() -> None:
    if PLACE == "handing out" and "PYTEST_XDIST_WORKER" not in os.environ:
        strike()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish() -> None:
    if "CHILDREN" in os.environ:
        left = [process.name for process in multiprocessing.active_children()]
        Path(os.environ["CHILDREN"]).write_text(" ".join(left), encoding="utf-8")


def replace(module: Any, name: str, call: int) -> None:  # noqa: ANN401
    """Strikes before a call of a function, once."""
    function: Callable[..., Any] = getattr(module, name)
    calls: list[int] = []

    def struck(*given: Any, **named: Any) -> Any:  # noqa: ANN401
        calls.append(1)
        if len(calls) == call:
            strike()
        return function(*given, **named)

    setattr(module, name, struck)


class HalfWritten:
    """`os` whose Nth fsync finds half of the file, and is struck."""

    def __init__(self, call: int) -> None:
        self.left = call

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(os, name)

    def fsync(self, descriptor: int) -> None:
        self.left -= 1
        if self.left == 0:
            os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
            strike()
        os.fsync(descriptor)


def strike_in(module: Any, name: str, call: int) -> None:  # noqa: ANN401
    setattr(module, name, HalfWritten(call))
