"""Refuses and notes every attempt of a process to reach another machine; copied beside a run.

Python imports it in every process whose PYTHONPATH names the folder (as `sitecustomize`), workers
among them, and pytest does where it is a plugin (`-p watched`). Sockets of the file system and of
loopback are those that processes of one machine talk by.
"""

import os
import sys
from pathlib import Path
from typing import Any

WATCHED, ATTEMPTS = (Path(__file__).with_name(name) for name in ("watched.log", "attempts.log"))

NAMES = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}
ADDRESSES = {"socket.connect", "socket.sendto", "socket.sendmsg"}
HERE = ("127.", "::1", "localhost", "0.0.0.0")


def look(event: str, arguments: tuple[Any, ...]) -> None:
    """Raises at an event that leaves this machine."""
    if event in NAMES:
        host = arguments[0]
    elif event in ADDRESSES and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    host = os.fsdecode(host) if host else "localhost"
    if not host.startswith(HERE):
        with ATTEMPTS.open("a", encoding="utf-8") as log:
            log.write(f"{event} {arguments[-1] if event in ADDRESSES else host} {sys.argv[:3]}\n")
        raise OSError(f"{host} is another machine, and this run has no network")


sys.addaudithook(look)
with WATCHED.open("a", encoding="utf-8") as watched:
    watched.write(f"{os.getpid()}\n")
