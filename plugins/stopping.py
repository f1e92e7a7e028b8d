"""SIGTERM, by which CI cancels jobs, ends a run as Ctrl-C does: what is known is reported."""

import signal
import traceback
from contextlib import suppress
from types import FrameType

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Turns SIGTERM into a KeyboardInterrupt until pytest ends, unless somebody else heeds it."""
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return
    with suppress(ValueError):  # signals are heard by the main thread alone
        signal.signal(signal.SIGTERM, _interrupt)
        config.add_cleanup(_forget)


def pytest_keyboard_interrupt(excinfo: pytest.ExceptionInfo[BaseException]) -> None:
    """Ends the worker processes of what was interrupted, and gives shared memory back.

    The traceback would keep what they work for until the report is written, and them with it.
    """
    traceback.clear_frames(excinfo.tb)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(f"signal {number}")


def _forget() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
