"""A wrong dataset.toml at a URL, or a server that fails, is one sentence with the URL."""

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from declared import by_path
from named_datasets import TRAIN
from servers import http_server

from labelgate.fixtures.containers import remote
from labelgate.fixtures.errors import DatasetError
from labelgate.fixtures.readers import read_dataset

pytestmark = pytest.mark.usefixtures("nothing_is_remembered")


@pytest.fixture
def place(tmp_path: Path) -> Callable[..., Path]:
    """Writes a description and files beside it."""

    def write(text: str | bytes, **files: str) -> Path:
        (tmp_path / "train/cat").mkdir(parents=True)
        (tmp_path / "train/cat/1.png").write_bytes(b"1")
        content = text if isinstance(text, bytes) else text.encode()
        (tmp_path / "dataset.toml").write_bytes(content)
        for name, said in files.items():
            (tmp_path / f"{name}.csv").write_text(said)
        return tmp_path

    return write


def refusal(url: str) -> str:
    with pytest.raises(DatasetError) as caught:
        read_dataset(url)
    said = str(caught.value)
    assert said.count("\n") == 0
    return said


WRONG = {
    b"[splits": "{url}/dataset.toml cannot be read as TOML: ",
    b"\xff": "{url}/dataset.toml cannot be read as TOML: ",
    b"<html>": "{url}/dataset.toml cannot be read as TOML: ",
    b"x = 1": "{url}/dataset.toml: the key 'splits' is missing; known keys here: ",
    TRAIN + 'labels = "no.csv"': "splits.train.labels = 'no.csv' does not exist in {url}; correct",
    TRAIN + '[sources]\ntable = "no.csv"': "sources.table = 'no.csv' does not exist in {url}",
    TRAIN + '[options]\nlimits = "no.toml"': "options.limits = 'no.toml' does not exist in {url}",
    TRAIN + '[wordnet]\nfolder = "no"': "wordnet.folder = 'no/data.noun' does not exist in {url}",
    TRAIN + '[options]\nbaseline = "old"': "is a report in {url}, and reports are not read from",
    TRAIN + '[options]\npredictor = "open_clip:m/w.pt"': "weights are not read from URLs; copy it",
    '[splits.val]\nimages = "no"': "{url}/no names 0 files, at least 1 is needed",
    '[splits.val]\nimages = "no/*.tar"': "{url}/no/*.tar names 0 files, at least 1 is needed",
    '[splits.val]\nimages = "no.tar"': "{url}/no.tar cannot be found",
    '[splits.val]\nimages = "no.zip/val"': "{url}/no.zip cannot be found",
}


@pytest.mark.parametrize(("text", "said"), WRONG.items())
def test_a_wrong_description_is_one_sentence_with_its_url(
    place: Callable[..., Path], text: str | bytes, said: str
) -> None:
    with http_server(place(text)) as (url, _):
        assert said.format(url=url) in refusal(url)


@pytest.mark.parametrize("value", ["..", "../other", "train/../../other", "/etc", "s3://other/x"])
@pytest.mark.parametrize("key", ["images", "labels", "limits", "wordnet"])
def test_no_path_leads_out_of_the_url(place: Callable[..., Path], key: str, value: str) -> None:
    text = {
        "images": f'[splits.train]\nimages = "{value.removeprefix("s3:/")}"',  # a URL is no path
        "labels": f'{TRAIN}labels = "{value}"',
        "limits": f'{TRAIN}[options]\nlimits = "{value}"',
        "wordnet": f'{TRAIN}[wordnet]\nfolder = "{value}"',
    }[key]
    with http_server(place(text)) as (url, handler):
        assert f"leads out of {url}; name a path below" in refusal(url)
    assert not [asked for asked in handler.asked if "other" in asked or "etc" in asked]


@pytest.mark.parametrize("value", ["a\\u0000b", "x" * 300, "x/" * 3000, " "])
def test_a_path_that_no_file_can_have_is_one_sentence(
    place: Callable[..., Path], value: str
) -> None:
    with http_server(place(f'{TRAIN}labels = "{value}"')) as (url, _):
        assert "splits.train.labels = " in refusal(url)


@pytest.mark.parametrize("name", ["dataset.toml", "sources.csv"])
def test_a_server_that_stops_half_way_ends_the_run(
    place: Callable[..., Path], impatient: list[float], name: str
) -> None:
    root = place(TRAIN + '[sources]\ntable = "sources.csv"', sources="path,source\n")
    with http_server(root) as (url, handler):
        handler.breaks_at = f"/{name}"
        assert refusal(url).startswith(f"{url}/{name} could not be read in 4 tries of at most 60 s")
        assert len(impatient) == remote.TRIES - 1
        handler.breaks_at = ""
        assert by_path(read_dataset(url)) == {}


def test_a_server_that_never_answers_is_given_up(
    place: Callable[..., Path], impatient: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    with http_server(place(TRAIN)) as (url, _):
        monkeypatch.setattr(remote, "TIMEOUT", 1e-6)
        assert "could not be read in 4 tries of at most 1e-06 s" in refusal(f"{url}/dataset.toml")
    assert len(impatient) == remote.TRIES - 1


def test_the_program_judges_by_the_limits_beside_a_remote_description(
    place: Callable[..., Path], suite: Callable[..., "CompletedProcess[str]"], tmp_path: Path
) -> None:
    root = place(TRAIN + '[options]\nlimits = "limits.toml"\n')
    limit = '[files.classes_have_enough_images]\nmin = 1\nsource = "one is planted"\n'
    (root / "limits.toml").write_text(limit)
    with http_server(root) as (url, _):
        chosen = ("-k", "classes_have_enough_images", "--workers=0")
        run = suite(tmp_path, f"--dataset={url}", *chosen)
    assert run.returncode == 0, run.stdout + run.stderr
    assert url in run.stdout
