"""The provenance of a report: what ran, on what, under which limits, by whose versions."""

import hashlib
import json
import platform
import shlex
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from labelgate.expectations.limits import Limits
from labelgate.fixtures.embedders.description import file_sha256
from labelgate.fixtures.settings import SEED, Settings

BEHIND = ("great_expectations", "numpy", "pandas", "pillow", "pyarrow", "pytest", "simplejpeg")
"""Distributions behind every report; `versions` names the others that decided something."""


def compose_provenance(
    settings: Settings, limits: Limits, started: float, handed: dict[str, Any], exitstatus: int
) -> dict[str, Any]:
    """Makes the part `provenance` of `report.json`.

    Args:
        settings: what the run was asked to do.
        limits: what was tolerated.
        started: seconds since the epoch.
        handed: what the process that measured handed over.
        exitstatus: pytest's, before the report was written.
    """
    measured = {k: v for k, v in handed["provenance"].items() if k != "fingerprint"}
    known = settings.known_failures
    return {
        "labelgate": version("labelgate"),
        "python": platform.python_version(),
        **{name: version(name) for name in BEHIND},
        "decoder": measured.pop("decoder", ""),
        "limits_sha256": limits.sha256,
        "suites_sha256": handed["suites_sha256"],
        "known_failures_sha256": file_sha256(known) if known else None,
        "seed": SEED,
        "command": command(),
        "host": platform.node(),
        "platform": platform.platform(),
        "started": tell_time(started),
        "seconds": round(time.time() - started, 3),
        "exit_code": exitstatus,
        "store": str(settings.store),
        **measured,
    }


def command() -> str:
    """Returns the command line, without the folder of its program."""
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])


def tell_time(seconds: float) -> str:
    """Writes seconds since the epoch as ISO 8601, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def hash_suites(suites: dict[str, dict[str, Any]]) -> str:
    """Returns 64 hex digits over the suites of a run, as Great Expectations serialises them."""
    return hashlib.sha256(json.dumps(suites, sort_keys=True).encode()).hexdigest()
