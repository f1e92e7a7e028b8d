"""GitHub Actions and GitLab CI as far as docs/ci.md uses them: their steps run as shell, here.

Checkout, caches and artifacts are folders; `gh`, `git` and `curl` are small programs that know of
the report of one release, that of `$BASELINE`, or of none. `labelgate` is the program that pip
installed, in a fork of a process that has the large libraries already (`warm.py`).
"""

import fnmatch
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

GH = """#!/usr/bin/env bash
set -eu
if [ "$2" = list ]; then
  printf 'v2\\nv1\\n'
elif [ "$2" = download ]; then
  [ "$3" = v1 ] && [ -n "${BASELINE:-}" ] || exit 1
  tar -czf labelgate-report.tar.gz -C "$(dirname "$BASELINE")" labelgate-report
else
  cp "$4" "$RELEASED"
fi
"""
GIT = '#!/usr/bin/env bash\n[ -n "${BASELINE:-}" ] && echo v1\n'
CURL = """#!/usr/bin/env bash
set -eu
here="$PWD"
cd "$(dirname "$BASELINE")"
python -m zipfile -c "$here/baseline.zip" labelgate-report
"""

LABELGATE = """#!/bin/sh
exec {python} -IS {warm} {address} -m labelgate.plugins.command "$@"
"""

ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")} | {
    **{"PYTHONUTF8": "1", "COLUMNS": "100", "GX_ANALYTICS_ENABLED": "false"},
    **{"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
}
"""What this session of pytest leaves to a job; pip finds what is installed and looks no further."""


@dataclass(frozen=True)
class Ended:
    """How a job ended.

    Attributes:
        workspace: its folder.
        code: of its first step that failed, 0 if none did.
        told: what its steps printed.
        summary: what it wrote for the page of the job.
    """

    workspace: Path
    code: int
    told: str
    summary: str = ""


@dataclass
class Platform:
    """A pipeline on one machine.

    Attributes:
        folder: where its jobs, caches and artifacts are.
        checkout: what is checked out.
        warm: the socket of a process that runs modules in forks; "" where there is none.
        variables: of the environment, beside those of the platform.
        ended: the jobs so far, by name; of several with one name by name and number.
    """

    folder: Path
    checkout: Path
    warm: str
    variables: Mapping[str, str]
    ended: dict[str, Ended] = field(default_factory=dict)

    def shell(self, workspace: Path, script: str, variables: Mapping[str, str]) -> tuple[int, str]:
        """Runs a script as both platforms do: bash, which ends at the first failure."""
        programs = self.folder / "programs" / workspace.name  # jobs run side by side
        programs.mkdir(parents=True, exist_ok=True)
        for name, text in self.programs().items():
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        path = os.pathsep.join(
            [str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]
        )
        run = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=workspace,
            env=ENVIRONMENT | {"PATH": path, **self.variables, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
        return run.returncode, run.stdout

    def programs(self) -> dict[str, str]:
        """What a job finds on its path before all else."""
        found = {"gh": GH, "git": GIT, "curl": CURL}
        if self.warm:
            here = {
                "python": sys.executable,
                "warm": Path(__file__).with_name("warm.py"),
                "address": self.warm,
            }
            found["labelgate"] = LABELGATE.format_map(here)
        return found

    def workspace(self, name: str) -> Path:
        """Makes an empty folder for a job."""
        folder = self.folder / "jobs" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder


def evaluate(text: Any, context: Mapping[str, str]) -> str:  # noqa: ANN401
    """Replaces the expressions in a value of a GitHub workflow."""
    return re.sub(r"\$\{\{\s*([\w.]+)\s*\}\}", lambda found: context[found[1]], str(text))


def copy(source: Path, target: Path) -> None:
    """Copies a folder without hidden files at its top, as artifacts do, or a file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_file():
        shutil.copyfile(source, target)
    else:
        shutil.copytree(
            source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".label*")
        )


class GitHub(Platform):
    """GitHub Actions."""

    def run_job(self, workflow: dict[str, Any], name: str, number: int | None = None) -> Ended:
        """Runs one job, of a matrix the one of a number."""
        job = workflow["jobs"][name]
        called = name if number is None else f"{name}-{number}"
        workspace = self.workspace(called)
        context = {"matrix.shard": str(number), "github.token": "t", "github.run_id": "1"}
        context |= {"github.run_attempt": "1", "github.event.release.tag_name": "v1"}
        given = {**workflow["env"], **job.get("env", {})}
        variables = {key: evaluate(value, context) for key, value in given.items()}
        variables |= {key: str(workspace / key) for key in ("GITHUB_STEP_SUMMARY", "GITHUB_ENV")}
        code, told = 0, ""
        for step in job["steps"]:
            if code and step.get("if") != "always()":
                continue
            if "uses" in step:
                inputs = {k: evaluate(v, context) for k, v in step.get("with", {}).items()}
                self._use(step["uses"].partition("@")[0], inputs, workspace)
                continue
            own = {key: evaluate(value, context) for key, value in step.get("env", {}).items()}
            ended, said = self.shell(workspace, step["run"], variables | own)
            variables |= dict(read_lines(workspace / "GITHUB_ENV"))
            code, told = code or ended, told + said
        self._save_caches(job, workspace)
        summary = workspace / "GITHUB_STEP_SUMMARY"
        text = summary.read_text(encoding="utf-8") if summary.is_file() else ""
        self.ended[called] = Ended(workspace, code, told, text)
        return self.ended[called]

    def run(self, workflow: dict[str, Any]) -> None:
        """Runs the jobs in order, those of a matrix side by side."""
        for name, job in workflow["jobs"].items():
            needed = [
                ended
                for key, ended in self.ended.items()
                if key.partition("-")[0] == job.get("needs")
            ]
            if job.get("if", "") != "always()" and ("if" in job or any(e.code for e in needed)):
                continue
            numbers = job.get("strategy", {}).get("matrix", {}).get("shard", [None])
            with ThreadPoolExecutor(2) as pool:
                list(
                    pool.map(
                        lambda number, name=name: self.run_job(workflow, name, number), numbers
                    )
                )

    def _use(self, action: str, inputs: Mapping[str, str], workspace: Path) -> None:
        artifacts, cache = self.folder / "artifacts", self.folder / "cache"
        if action == "actions/checkout":
            shutil.copytree(self.checkout, workspace, dirs_exist_ok=True)
        elif action.startswith("actions/cache") and cache.is_dir():
            shutil.copytree(cache, workspace / inputs["path"])
        elif action == "actions/upload-artifact":
            for source, name in wanted(workspace, inputs["path"]):
                copy(source, artifacts / inputs["name"] / name)
        elif action == "actions/download-artifact" and "name" in inputs:
            copy(artifacts / inputs["name"], workspace / inputs["path"])
        elif action == "actions/download-artifact":
            for artifact in artifacts.iterdir():
                if fnmatch.fnmatch(artifact.name, inputs["pattern"]):
                    copy(artifact, workspace / inputs["path"] / artifact.name)

    def _save_caches(self, job: dict[str, Any], workspace: Path) -> None:
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/cache@"):
                shutil.copytree(
                    workspace / step["with"]["path"], self.folder / "cache", dirs_exist_ok=True
                )


def wanted(workspace: Path, paths: str) -> Iterator[tuple[Path, str]]:
    """Yields what an upload takes, with its name in the artifact: the common part is left out."""
    lines = paths.split()
    if len(lines) == 1 and (workspace / lines[0]).is_dir():
        yield workspace / lines[0], ""
        return
    root = workspace / lines[0].partition("*")[0] if "*" in lines[0] else workspace
    for line in lines:
        yield from ((file, str(file.relative_to(root))) for file in sorted(workspace.glob(line)))


def read_lines(file: Path) -> Iterator[tuple[str, str]]:
    """Reads what steps told the steps after them."""
    if file.is_file():
        for line in file.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition("=")
            yield key, value


class GitLab(Platform):
    """GitLab CI."""

    def run(self, pipeline: dict[str, Any]) -> None:
        """Runs the stages in order, jobs of one stage side by side."""
        for name in pipeline["stages"]:
            count = pipeline[name].get("parallel")
            numbers = [None] if count is None else list(range(1, count + 1))
            failed = any(ended.code for ended in self.ended.values())
            if failed and pipeline[name].get("when") != "always":
                continue
            with ThreadPoolExecutor(2) as pool:
                list(
                    pool.map(
                        lambda number, name=name: self.run_job(pipeline, name, number), numbers
                    )
                )

    def run_job(self, pipeline: dict[str, Any], name: str, number: int | None = None) -> Ended:
        """Runs one job, of parallel ones the one of a number."""
        job, called = pipeline[name], name if number is None else f"{name}-{number}"
        workspace = self.workspace(called)
        shutil.copytree(self.checkout, workspace, dirs_exist_ok=True)
        artifacts, cache = self.folder / "artifacts", self.folder / "cache"
        if artifacts.is_dir():
            shutil.copytree(artifacts, workspace, dirs_exist_ok=True)
        if "cache" in job and cache.is_dir():
            shutil.copytree(cache, workspace, dirs_exist_ok=True)
        variables = {key: str(value) for key, value in pipeline["variables"].items()}
        variables |= {key: str(value) for key, value in job.get("variables", {}).items()}
        variables |= {"CI_NODE_INDEX": str(number), "CI_NODE_TOTAL": str(job.get("parallel"))}
        variables |= dict.fromkeys(("CI_API_V4_URL", "CI_PROJECT_ID", "CI_JOB_TOKEN"), "x")
        script = "\n".join([*pipeline["default"]["before_script"], *job["script"]])
        code, told = self.shell(workspace, script, variables)
        for line in job.get("after_script", ()):
            told += self.shell(workspace, line, variables)[1]
        if "cache" in job and job["cache"].get("policy") != "pull":
            for path in job["cache"]["paths"]:
                shutil.copytree(workspace / path, cache / path, dirs_exist_ok=True)
        for path in job.get("artifacts", {}).get("paths", ()):
            if (workspace / path).is_dir() and (not code or job["artifacts"]["when"] == "always"):
                copy(workspace / path, artifacts / path)
        self.ended[called] = Ended(workspace, code, told)
        return self.ended[called]
