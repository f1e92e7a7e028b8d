"""The predictors of a run: which are asked, in which order, and which names are refused."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

from labelgate.fixtures.errors import LabelgateError
from labelgate.fixtures.predictors.names import (
    check_name,
    find_path,
    refuse_repeated,
    resolve,
    split_names,
)
from labelgate.fixtures.settings import SETTINGS, Settings

Draw = Callable[[Path, Mapping[str, int]], Path]
Suite = Callable[..., "CompletedProcess[str]"]

CONFIG = '{"model_cfg": {"embed_dim": 8, "vision_cfg": {}, "text_cfg": {}}}'
PICTURES = {f"val/{label}/{n}.png": 40 * n + 7 * ord(label) for label in "ab" for n in range(4)}
TELL = """
import json
import numpy as np

def test_tell(predictions, pytestconfig):
    told = [(p.predictor, p.top[:, 0].tolist(), p.reason) for p in predictions]
    (pytestconfig.rootpath / "told.json").write_text(json.dumps(told))
"""


@pytest.fixture
def folder(tmp_path: Path, draw: Draw) -> Path:
    """A working folder with a dataset of eight pictures, and a test that tells the predictions."""
    draw(tmp_path / "data", PICTURES)
    (tmp_path / "data" / "scores.csv").write_text("path,class,score\nval/a/0.png,b,1\n")
    (tmp_path / "conftest.py").write_text(
        "from labelgate.conftest import PLUGINS, pytest_plugin_registered\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_tell.py").write_text(TELL)
    return tmp_path


def describe(folder: Path, text: str = "") -> None:
    (folder / "data" / "dataset.toml").write_text('[splits.val]\nimages = "val"\n' + text)


def checkpoint(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "open_clip_config.json").write_text(CONFIG)
    (folder / "open_clip_model.safetensors").touch()
    return folder


@pytest.fixture
def ask(folder: Path, python: Callable[..., "CompletedProcess[str]"]) -> Callable[..., list[list]]:
    """Runs the fixture `predictions` in a process of its own; tells name, best class, reason."""

    def run(*arguments: str, **variables: str) -> list[list]:
        told = folder / "told.json"
        told.unlink(missing_ok=True)
        given = ("--dataset=data", "--store=store", "--report=report", "--workers=0", *arguments)
        ended = python(folder, "-m", "pytest", "-q", "test_tell.py", *given, **variables)
        assert told.is_file(), ended.stdout + ended.stderr
        return json.loads(told.read_text())

    return run


def settings_of(pytester: pytest.Pytester, *arguments: str) -> Settings:
    config = pytester.parseconfigure("--collect-only", "-p", "no:cacheprovider", *arguments)
    return config.stash[SETTINGS]


# --- the fixture --------------------------------------------------------------------------------


def test_imported_predictions_come_first_and_then_those_asked_for(
    folder: Path, ask: Callable[..., list[list]]
) -> None:
    describe(folder, '[[predictions]]\nname = "net"\ntable = "scores.csv"\n')
    (net, knn) = ask("--predictor=knn")
    assert (net[0], net[1][:2], net[2]) == ("net", [1, -1], "")
    assert (knn[0], knn[2]) == ("knn", "")
    assert min(knn[1]) >= 0


def test_without_a_predictor_nobody_predicts(ask: Callable[..., list[list]]) -> None:
    assert ask() == []


def test_vectors_from_a_file_vote(folder: Path, ask: Callable[..., list[list]]) -> None:
    angle = np.radians([0, 1, 2, 3, 90, 91, 92, 93])
    np.save(folder / "v.npy", np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32))
    (knn,) = ask("--predictor=knn", "--embedder=file:v.npy")
    assert knn == ["knn", [0] * 4 + [1] * 4, ""]


def test_an_embedder_out_of_reach_leaves_a_reason(ask: Callable[..., list[list]]) -> None:
    (knn,) = ask(
        "--predictor=knn",
        "--embedder=timm:vit_small_patch14_dinov2.lvd142m",
        HF_ENDPOINT="http://127.0.0.1:9",
        HF_HOME="nowhere",
    )
    assert set(knn[1]) == {-1}
    assert "cannot be had from http://127.0.0.1:9" in knn[2]


# --- names --------------------------------------------------------------------------------------


def test_names_are_split_at_commas_and_none_is_nobody() -> None:
    assert split_names(" knn ,open_clip:a/b") == ("knn", "open_clip:a/b")
    assert split_names(" none ") == ()


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("knn", None),
        ("open_clip:ViT-B-32/openai", None),
        ("open_clip:ViT-B-32/weights/a.safetensors", "weights/a.safetensors"),
        ("open_clip:ViT-B-32/a.pt", "a.pt"),
        ("open_clip:clip", "clip"),
        ("open_clip:models/clip", "models/clip"),
        ("open_clip:other", None),
    ],
)
def test_the_path_in_a_name_is_relative_to_its_folder(
    tmp_path: Path, name: str, path: str | None
) -> None:
    checkpoint(tmp_path / "clip")
    checkpoint(tmp_path / "models" / "clip")
    assert find_path(name, tmp_path) == path
    expected = name if path is None else f"{name.removesuffix(path)}{tmp_path / path}"
    assert resolve(name, tmp_path) == expected


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", ["--predictor= is no predictor", "knn, open_clip:MODEL/TAG"]),
        ("builtin", ["is no predictor"]),
        ("KNN", ["is no predictor"]),
        ("knn:5", ["is no predictor"]),
        ("open_clip:", ["is no predictor"]),
        ("open_clip:gone", ["is no predictor"]),
        ("open_clip:a/gone.safetensors", ["gone.safetensors", "no file"]),
        ("open_clip:empty", ["empty", "open_clip_config.json"]),
        ("open_clip:partial", ["open_clip_model.safetensors"]),
    ],
)
def test_a_name_of_no_predictor_is_refused(tmp_path: Path, name: str, words: list[str]) -> None:
    (tmp_path / "empty").mkdir()
    (checkpoint(tmp_path / "partial") / "open_clip_model.safetensors").unlink()
    with pytest.raises(LabelgateError) as told:
        check_name(name, tmp_path)
    assert "\n" not in str(told.value)
    for word in words:
        assert word in str(told.value)


@pytest.mark.parametrize("name", ["knn", "open_clip:ViT-B-32/openai", "open_clip:clip"])
def test_a_name_of_a_predictor_is_looked_for_later(tmp_path: Path, name: str) -> None:
    checkpoint(tmp_path / "clip")
    check_name(name, tmp_path)


def test_a_predictor_is_named_once() -> None:
    refuse_repeated(("a", "b"))
    with pytest.raises(LabelgateError, match="'a' is there 2 times"):
        refuse_repeated(("a", "b", "a"))


# --- the option ---------------------------------------------------------------------------------


@pytest.fixture
def places(pytester: pytest.Pytester, draw: Draw) -> Path:
    """A working folder, a dataset that names predictors, and a checkpoint in each."""
    draw(pytester.path / "data", {"val/a/1.png": 1})
    describe(pytester.path, '[options]\npredictor = "open_clip:clip, knn"\n')
    for place in ("data", "."):
        checkpoint(pytester.path / place / "clip")
    return pytester.path


def test_a_description_names_predictors_relative_to_itself(
    pytester: pytest.Pytester, places: Path
) -> None:
    got = settings_of(pytester, "--dataset=data")
    assert got.predictors == ("open_clip:clip", "knn")
    assert resolve(got.predictors[0], got.predictor_folder) == f"open_clip:{places}/data/clip"


def test_the_command_line_outweighs_it_and_names_them_relative_to_the_working_folder(
    pytester: pytest.Pytester, places: Path
) -> None:
    got = settings_of(pytester, "--dataset=data", "--predictor=open_clip:clip")
    assert got.predictors == ("open_clip:clip",)
    assert resolve(got.predictors[0], got.predictor_folder) == f"open_clip:{places}/clip"


def test_the_ini_file_outweighs_it_and_names_them_relative_to_itself(
    pytester: pytest.Pytester, places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makeini("[pytest]\nlabelgate_predictor = open_clip:clip\n")
    monkeypatch.chdir(places / "data")
    got = settings_of(pytester, "--dataset=.")
    assert (got.predictors, got.predictor_folder) == (("open_clip:clip",), places)


def test_none_switches_the_predictors_of_a_description_off(
    pytester: pytest.Pytester, places: Path
) -> None:
    assert settings_of(pytester, "--dataset=data", "--predictor=none").predictors == ()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("--predictor=", ["--predictor= is no predictor"]),
        ("--predictor=knn,knn", ["'knn' is there 2 times"]),
        ("--predictor=knn,", ["--predictor= is no predictor"]),
        ("--predictor=resnet", ["--predictor=resnet is no predictor; choose one of knn"]),
    ],
)
def test_a_wrong_predictor_is_a_usage_error(
    pytester: pytest.Pytester, places: Path, given: str, words: list[str]
) -> None:
    with pytest.raises(pytest.UsageError) as told:
        settings_of(pytester, "--dataset=data", given)
    for word in words:
        assert word in str(told.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[options]\npredictor = "open_clip:../clip"\n', ["options.predictor", "leads out of"]),
        ('[options]\npredictor = "open_clip:a/../b.pt"\n', ["options.predictor"]),
        ('[options]\npredictor = "resnet"\n', ["resnet is no predictor"]),
        ("[options]\npredictor = 3\n", ["options.predictor"]),
        (
            '[[predictions]]\nname = "knn"\ntable = "scores.csv"\n[options]\npredictor = "knn"\n',
            ["'knn' is there 2 times", "[[predictions]]"],
        ),
    ],
)
def test_a_wrong_predictor_of_a_description_is_a_usage_error(
    pytester: pytest.Pytester, places: Path, text: str, words: list[str]
) -> None:
    (places / "data" / "scores.csv").touch()
    describe(places, text)
    with pytest.raises(pytest.UsageError) as told:
        settings_of(pytester, "--dataset=data")
    for word in words:
        assert word in str(told.value)


def test_a_wrong_predictor_ends_the_run_with_4_without_torch(
    tmp_path: Path, suite: Suite, draw: Draw
) -> None:
    draw(tmp_path / "data", {"val/a/1.png": 1})
    (tmp_path / "no_torch.py").write_text("import sys\nsys.modules['torch'] = None\n")
    run = suite(tmp_path, "--predictor=resnet", "-p", "no_torch")
    assert run.returncode == 4, run.stdout + run.stderr
    assert run.stderr.startswith("ERROR: "), run.stderr
    assert len(run.stderr.strip().splitlines()) == 1
