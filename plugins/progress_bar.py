"""A bar for a person who watches, a plain line now and then for a log."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

FIRST_LINE = 2.0
"""Seconds before anything is said: a measurement that is done by then needs no progress."""

LINE_EVERY = 10.0
"""Seconds between the plain lines of a run that nobody watches."""


def show_progress(
    title: str, total: int | None, quiet: bool = False
) -> AbstractContextManager[Callable[[int], None]]:
    """Shows a bar where somebody watches, lines where nobody does, nothing where it is quiet."""
    if total is None and not quiet:
        print(f"labelgate: {title}", file=sys.stderr, flush=True)
    if quiet or not total:
        return nullcontext(lambda _: None)
    watched = sys.__stderr__ and sys.__stderr__.isatty()
    return _bar(title, total) if watched else _lines(title, total)


@contextmanager
def _bar(title: str, total: int) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn(title),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("ETA"),
        TimeRemainingColumn(),
    )
    started = time.monotonic()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total, rate="")

        def advance(count: int) -> None:
            done = bar.tasks[0].completed + count
            bar.update(task, advance=count, rate=_rate(done, time.monotonic() - started))

        yield advance


@contextmanager
def _lines(title: str, total: int) -> Iterator[Callable[[int], None]]:
    started = time.monotonic()
    done, told = 0, started - LINE_EVERY + FIRST_LINE

    def advance(count: int) -> None:
        nonlocal done, told
        done += count
        now = time.monotonic()
        if now - told >= LINE_EVERY:
            told = now
            left = (total - done) * (now - started) / max(done, 1)
            rate = _rate(done, now - started)
            print(
                f"{title}: {done:,} of {total:,}, {rate}, {left:.0f} s left",
                file=sys.stderr,
                flush=True,
            )

    yield advance


def _rate(done: float, seconds: float) -> str:
    return f"{done / max(seconds, 1e-9):,.0f}/s"
