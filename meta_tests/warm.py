"""Runs of Python modules in forks of one process that has imported the large libraries already.

A run as a process of its own imports Great Expectations, torch and pandas for about 6 s of the
processor before it does anything, and the meta tests make a hundred runs. A fork is a process of
its own as well; only these libraries, which are not ours, are there from the start.

    python warm.py SOCKET                        # listens until its standard input is closed
    python warm.py SOCKET -m MODULE [ARGUMENT]   # is to a shell what `python -m MODULE` is
"""

import atexit
import gc
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
from contextlib import suppress
from importlib import import_module, invalidate_caches
from pathlib import Path
from typing import Any, NoReturn

LARGE = (
    *("numpy", "pandas", "pyarrow.parquet", "pyarrow.compute", "scipy.stats", "scipy.sparse"),
    *("scipy.cluster.hierarchy", "sklearn.metrics", "cv2", "faiss", "torch", "PIL.Image"),
    *("pydantic", "jinja2", "rich.progress", "great_expectations", "jsonschema"),
    *("pytest", "execnet", "filelock", "simplejpeg"),
)
"""Modules that are imported once; none of ours, and no plugin that pytest is to find."""

PATIENCE = 900
"""Seconds that a process may take: the sample takes 80 on two quiet cores."""

Job = dict[str, Any]
"""`arguments` after `-m`, `cwd`, `env`, and the files `stdout` and `stderr`."""


def ask(address: str, job: Job, patience: float) -> int:
    """Runs a module in a fork and returns its exit code, negative for a signal.

    Args:
        address: the socket that the process listens at.
        job: what to run.
        patience: seconds until it is killed.

    Raises:
        TimeoutError: it was killed.
    """
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(patience)
        line.connect(address)
        line.sendall(json.dumps(job).encode() + b"\n")
        return int(line.makefile().readline())


def ask_here(address: str, arguments: list[str]) -> int:
    """Runs a module with the folder, environment and output of this process."""
    streams = {name: f"/proc/{os.getpid()}/fd/{fd}" for fd, name in ((1, "stdout"), (2, "stderr"))}
    job = {"arguments": arguments, "cwd": str(Path.cwd()), "env": dict(os.environ), **streams}
    return ask(address, job, PATIENCE)


def listen(address: str) -> Job:
    """Imports, listens and forks; returns only in a fork that has something to run."""
    for name in LARGE:
        import_module(name)
    gc.freeze()  # a fork that looked for garbage in them would copy them
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # those who answer are not waited for
    with socket.socket(socket.AF_UNIX) as server, selectors.DefaultSelector() as either:
        server.bind(address)
        server.listen()
        either.register(server, selectors.EVENT_READ)
        either.register(sys.stdin, selectors.EVENT_READ)
        print("listening", flush=True)
        while all(key.fileobj is server for key, _ in either.select()):
            line, _ = server.accept()
            if os.fork() == 0:
                job = _answer(line)
                if job is not None:
                    return job
                os._exit(0)
            line.close()
    os._exit(0)


def _answer(line: socket.socket) -> Job | None:
    """Forks again, waits for the run and tells its code; returns the job in the second fork."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    job: Job = json.loads(line.makefile().readline())
    run = os.fork()
    if run == 0:
        line.close()
        return job
    with selectors.DefaultSelector() as either:
        either.register(os.pidfd_open(run), selectors.EVENT_READ)
        either.register(line, selectors.EVENT_READ)
        if any(key.fileobj is line for key, _ in either.select()):  # who asked lost patience
            os.killpg(run, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(run, 0)[1])
    with suppress(BrokenPipeError):
        line.sendall(f"{code}\n".encode())
    return None


def run(job: Job) -> None:
    """Becomes what `python -m` would be: folder, environment, output, path, arguments."""
    os.setpgid(0, 0)
    gc.unfreeze()  # a run takes what is frozen for that of an earlier run, and looks through it
    for stream, name in ((0, os.devnull), (1, job["stdout"]), (2, job["stderr"])):
        flags = os.O_RDONLY if stream == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND
        os.dup2(os.open(name, flags, 0o600), stream)
    os.chdir(job["cwd"])
    os.environ.clear()
    os.environ.update(job["env"])
    module, *rest = job["arguments"]
    sys.path[:1] = [job["cwd"], *filter(None, job["env"].get("PYTHONPATH", "").split(os.pathsep))]
    invalidate_caches()
    sys.argv = [module, *rest]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        leave(ended.code)
    leave(0)


def leave(code: object) -> NoReturn:
    """Ends as Python does, but takes no module apart: 1.5 s for those that a fork has from others.

    What nobody caught, Ctrl-C above all, ends as ever.
    """
    if not isinstance(code, int | None):
        print(code, file=sys.stderr)
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code & 0xFF if isinstance(code, int) else code is not None)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        sys.exit(ask_here(sys.argv[1], sys.argv[3:]))
    run(listen(sys.argv[1]))
