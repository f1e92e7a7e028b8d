"""Ray: workers that are killed lose nothing, and the store is that of one machine."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
from noise import draw_noise
from ray_run import CHOSEN
from stored_tables import digest_of, parts_in, rows_in, vectors_in

from conftest import PROGRAM, Runs, share
from labelgate.fixtures.errors import SettingsError
from labelgate.fixtures.pixels import decoder_name
from labelgate.fixtures.ray_encoding import pool
from labelgate.fixtures.ray_engine import Site
from labelgate.fixtures.report_json import load_report

pytest.importorskip("ray", reason="the extra `cluster` is not installed")

Python = Callable[..., "CompletedProcess[str]"]
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, python: Python) -> tuple[Path, Runs]:
    """Three hundred pictures on two processes of Ray, of which several are killed; then a check."""

    def run(folder: Path) -> Runs:
        draw_noise(folder / "data", 300)
        (folder / "data/train/class0/copy.png").write_bytes(
            (folder / "data/train/class1/1.png").read_bytes()
        )
        (folder / "data/val/class0/broken.png").write_bytes(b"no picture")
        (folder / "stumbled").mkdir()
        variables = {"PYTHONPATH": str(HERE), "STUMBLING": str(folder / "stumbled")}
        variables["RAY_OVERRIDE_RESOURCES"] = '{"GPU": 1}'
        variables["HOME"] = str(folder)  # where Ray puts a token, or finds one of somebody else
        ended = {"ray": python(folder, str(HERE / "ray_run.py"), **variables)}
        before = parts_in(folder / "ray")
        ended["check"] = python(folder, *PROGRAM, "check", "data", "--store=ray", *CHOSEN)
        assert parts_in(folder / "ray") == before, "check computed what measure did not"
        return ended

    return share(tmp_path_factory, "ray", run)


@pytest.fixture(scope="module")
def told(ran: tuple[Path, Runs]) -> dict[str, Any]:
    run = ran[1]["ray"]
    (line,) = [line for line in run.stdout.splitlines() if line.startswith("RAY")] or [run.stderr]
    found: dict[str, Any] = json.loads(line.removeprefix("RAY"))
    return found


def test_killed_workers_cost_nothing_but_time(ran: tuple[Path, Runs], told: dict[str, Any]) -> None:
    assert told["stumbled"] == ["decoding", "doubling", "preparing"], "each was killed once"
    assert told["code"] == 0
    assert "decoding images 302;" in ran[1]["ray"].stdout
    assert (told["encoded"], told["locally encoded"]) == (300, 300)


@pytest.mark.parametrize("table", ["files", "pixels", "neighbors"])
def test_the_store_is_that_of_one_machine(ran: tuple[Path, Runs], table: str) -> None:
    folder, _ = ran
    of_ray, of_one = (rows_in(folder / store, table) for store in ("ray", "local"))
    assert digest_of(of_ray) == digest_of(of_one)
    assert len(of_ray) == {"files": 302, "pixels": 302, "neighbors": 301}[table]


def test_vectors_are_those_of_one_machine(ran: tuple[Path, Runs]) -> None:
    of_ray, of_one = (vectors_in(ran[0] / store) for store in ("ray", "local"))
    assert of_ray.keys() == of_one.keys()
    for content, vector in of_ray.items():
        np.testing.assert_allclose(vector, of_one[content], atol=1e-3)


def test_neighbours_are_those_of_one_machine(told: dict[str, Any]) -> None:
    assert told["nearest"] == told["locally nearest"]
    assert len(told["nearest"][0]) == 301


def test_actors_with_a_gpu_give_the_same(ran: tuple[Path, Runs], told: dict[str, Any]) -> None:
    assert told["by a GPU"] == [300, told["locally nearest"]]
    of_gpu, of_one = (vectors_in(ran[0] / store) for store in ("gpu", "local"))
    assert of_gpu.keys() == of_one.keys()
    assert all(np.array_equal(vector, of_one[content]) for content, vector in of_gpu.items())


def test_a_cluster_without_a_gpu_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 2.0})
    with pytest.raises(SettingsError, match="has no GPU, and --device=cuda computes there; add"):
        pool("cuda")


def test_a_further_run_computes_nothing(told: dict[str, Any]) -> None:
    assert told["again"] == 0


def test_an_item_that_always_kills_costs_itself(told: dict[str, Any]) -> None:
    expected = [[item, 2 * item if item != 13 else -1] for item in [*range(11), 13]]
    assert told["doubled"] == expected


def test_a_node_without_the_dataset_ends_the_run_with_a_sentence(told: dict[str, Any]) -> None:
    assert told["elsewhere"].startswith("SettingsError(")
    assert "has no '/nowhere'; mount the dataset there" in told["elsewhere"]


def test_check_finds_what_is_planted_and_only_reads(ran: tuple[Path, Runs]) -> None:
    folder, ended = ran
    assert ended["check"].returncode == 1
    results = load_report(folder / "labelgate-report")[1]["results"]
    failed = {(row["property"], row["subject"]) for row in results if row["outcome"] == "failed"}
    assert ("every_image_decodes", "class0") in failed
    assert ("no_exact_duplicates_within_a_split", "class0") in failed
    assert ("identical_pixels_have_one_label", "class1") in failed


def test_workers_with_other_decoders_are_refused() -> None:
    Site("s3://bucket/data", decoder_name()).refuse_other()
    with pytest.raises(SettingsError, match="install the same versions on all nodes"):
        Site("s3://bucket/data", "Pillow 1.0").refuse_other()
