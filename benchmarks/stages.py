"""One row of a benchmark's table for each stage: what it took, and the peak of the process."""

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager

HEADER = "| stage | seconds | of the processor | peak, MiB |\n|---|---:|---:|---:|"


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Prints seconds of the clock and of this process, and the most memory it ever held."""
    started, worked = time.perf_counter(), time.process_time()
    yield
    seconds, busy = time.perf_counter() - started, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"| {name} | {seconds:.1f} | {busy:.1f} | {peak:,} |", flush=True)
