"""Every option on the command line, in the ini file and in dataset.toml, and which of them wins."""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from labelgate.fixtures.devices import DEVICES
from labelgate.fixtures.settings import SETTINGS, Settings
from labelgate.plugins.options import OPTIONS

ROOT = Path(__file__).parents[1]
FILES = ("limits", "known-failures")


@pytest.fixture
def folder(pytester: pytest.Pytester, draw: Callable[[Path, Mapping[str, int]], Path]) -> Path:
    """A working folder with a dataset whose dataset.toml names its own limits and failures."""
    draw(pytester.path / "data", {"train/cat/1.png": 1})
    draw(pytester.path / "plain", {"train/cat/1.png": 1})
    for place in ("data", "ini", "cli"):
        for name in FILES:
            (pytester.path / place).mkdir(exist_ok=True)
            (pytester.path / place / f"{name}.toml").write_text("")
    (pytester.path / "data" / "dataset.toml").write_text(
        '[splits.train]\nimages = "train"\n'
        '[options]\nlimits = "limits.toml"\nknown_failures = "known-failures.toml"\n'
    )
    return pytester.path


def settings_of(pytester: pytest.Pytester, *arguments: str) -> Settings:
    config = pytester.parseconfigure("--collect-only", "-p", "no:cacheprovider", *arguments)
    return config.stash[SETTINGS]


def write_ini(folder: Path, **values: object) -> None:
    lines = [f"labelgate_{name} = {value}" for name, value in values.items()]
    (folder / "pytest.ini").write_text("\n".join(["[pytest]", *lines]))


IN_INI = {
    "report": ("ini/report", lambda s: s.report),
    "limits": ("ini/limits.toml", lambda s: s.limits),
    "known-failures": ("ini/known-failures.toml", lambda s: s.known_failures),
    "store": ("ini/store", lambda s: s.store),
}


def key_of(name: str) -> str:
    return name.replace("-", "_")


def test_the_defaults_are_those_of_the_help(pytester: pytest.Pytester, folder: Path) -> None:
    import platformdirs

    got = settings_of(pytester, "--dataset=plain")
    assert got.dataset == folder / "plain"
    assert got.report == folder / "labelgate-report"
    assert got.store == Path(platformdirs.user_cache_dir("labelgate", appauthor=False))
    assert (got.limits, got.known_failures, got.rehash) == (None, None, False)
    assert got.workers >= 1


@pytest.mark.parametrize("name", FILES)
def test_dataset_toml_names_files_relative_to_itself(
    pytester: pytest.Pytester, folder: Path, name: str
) -> None:
    got = settings_of(pytester, "--dataset=data")
    assert IN_INI[name][1](got) == folder / "data" / f"{name}.toml"


@pytest.mark.parametrize("name", IN_INI)
def test_the_ini_file_outweighs_dataset_toml_and_names_paths_relative_to_itself(
    pytester: pytest.Pytester, folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    value, read = IN_INI[name]
    write_ini(folder, dataset="data", **{key_of(name): value})
    monkeypatch.chdir(folder / "cli")
    got = settings_of(pytester)
    assert got.dataset == folder / "data"
    assert read(got) == folder / value


@pytest.mark.parametrize("name", IN_INI)
def test_the_command_line_outweighs_all_and_names_paths_relative_to_the_working_folder(
    pytester: pytest.Pytester, folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    value, read = IN_INI[name]
    write_ini(folder, dataset="plain", **{key_of(name): value})
    monkeypatch.chdir(folder / "cli")
    given = value.removeprefix("ini/")
    got = settings_of(pytester, "--dataset=../data", f"--{name}={given}")
    assert got.dataset == folder / "data"
    assert read(got) == folder / "cli" / given


@pytest.mark.parametrize(
    ("ini", "arguments", "expected"),
    [({}, ("--workers=0",), 0), ({"workers": 3}, (), 3), ({"workers": 3}, ("--workers=5",), 5)],
)
def test_workers_from_the_command_line_then_the_ini_file(
    pytester: pytest.Pytester,
    folder: Path,
    ini: dict[str, int],
    arguments: tuple[str, ...],
    expected: int,
) -> None:
    write_ini(folder, **ini)
    assert settings_of(pytester, "--dataset=plain", *arguments).workers == expected


@pytest.mark.parametrize(
    ("ini", "arguments", "expected"),
    [({}, ("--rehash",), True), ({"rehash": "true"}, (), True), ({"rehash": "false"}, (), False)],
)
def test_rehash_from_the_command_line_then_the_ini_file(
    pytester: pytest.Pytester,
    folder: Path,
    ini: dict[str, str],
    arguments: tuple[str, ...],
    expected: bool,
) -> None:
    write_ini(folder, **ini)
    assert settings_of(pytester, "--dataset=plain", *arguments).rehash is expected


@pytest.mark.parametrize("value", ["abc", "-1", "1.5", "", "²"])
def test_workers_that_are_no_number_are_refused(
    pytester: pytest.Pytester, folder: Path, value: str
) -> None:
    with pytest.raises(pytest.UsageError, match=r"--workers=.* is no number of processes"):
        settings_of(pytester, "--dataset=plain", f"--workers={value}")


@pytest.mark.parametrize(
    ("ini", "arguments", "expected"),
    [
        ({}, (), ("builtin", "auto", None)),
        ({"tau": "0.25", "device": "cpu"}, (), ("builtin", "cpu", 0.25)),
        ({"tau": "0.25"}, ("--tau=0",), ("builtin", "auto", 0.0)),
        ({"embedder": "nonsense"}, ("--embedder=timm:b", "--tau=2"), ("timm:b", "auto", 2.0)),
    ],
)
def test_embedder_device_and_tau_from_the_command_line_then_the_ini_file(
    pytester: pytest.Pytester,
    folder: Path,
    ini: dict[str, str],
    arguments: tuple[str, ...],
    expected: tuple[str, str, float | None],
) -> None:
    write_ini(folder, **ini)
    got = settings_of(pytester, "--dataset=plain", *arguments)
    assert (got.embedder, got.device, got.tau) == expected


@pytest.mark.parametrize("value", ["abc", "-0.1", "2.1", "nan", "inf", "", "0,5"])
def test_a_tau_that_is_no_cosine_distance_is_refused(
    pytester: pytest.Pytester, folder: Path, value: str
) -> None:
    with pytest.raises(pytest.UsageError, match=r"--tau=.* is no cosine distance"):
        settings_of(pytester, "--dataset=plain", f"--tau={value}")


@pytest.mark.parametrize("value", ["gpu", "CPU", "cuda:0", " cpu", ""])
def test_a_device_of_no_known_name_is_refused(
    pytester: pytest.Pytester, folder: Path, value: str
) -> None:
    with pytest.raises(pytest.UsageError, match=rf"^--device={value} is no device; choose one of"):
        settings_of(pytester, "--dataset=plain", f"--device={value}")


@pytest.mark.parametrize("value", DEVICES)
def test_a_device_that_may_not_be_there_is_no_wrong_name(
    pytester: pytest.Pytester, folder: Path, value: str
) -> None:
    assert settings_of(pytester, "--dataset=plain", f"--device={value}").device == value


NO_EMBEDDER = ["", "Builtin", "builtin:", "resnet18", "timm", "timm:", "open_clip:ViT", "http://x"]


@pytest.mark.parametrize("value", NO_EMBEDDER)
def test_an_embedder_of_no_known_kind_is_refused(
    pytester: pytest.Pytester, folder: Path, value: str
) -> None:
    with pytest.raises(pytest.UsageError, match=rf"^--embedder={value} is no embedder; choose"):
        settings_of(pytester, "--dataset=plain", f"--embedder={value}")


OF_FILES = ["file:{}.npy", "torchscript:{}.pt", "timm:a/{}.pt", "open_clip:a/{}.safetensors"]


@pytest.mark.parametrize("value", OF_FILES)
@pytest.mark.parametrize("file", ["nothing", "folder"])
def test_an_embedder_whose_file_is_not_there_is_refused_by_the_name_of_the_file(
    pytester: pytest.Pytester, folder: Path, value: str, file: str
) -> None:
    named = value.format(folder / file)
    Path(named.rpartition(":")[2].removeprefix("a/")).with_stem("folder").mkdir()
    with pytest.raises(pytest.UsageError, match=rf"^The .*{file}\..*'.*give .*\.$") as told:
        settings_of(pytester, "--dataset=plain", f"--embedder={named}")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("value", OF_FILES)
def test_an_embedder_whose_file_is_there_is_opened_later(
    pytester: pytest.Pytester, folder: Path, value: str
) -> None:
    named = value.format(folder / "weights")
    Path(named.rpartition(":")[2].removeprefix("a/")).touch()
    assert settings_of(pytester, "--dataset=plain", f"--embedder={named}").embedder == named


@pytest.mark.parametrize("value", ["builtin", "timm:a", "timm:a.pt", "open_clip:a/b"])
def test_an_embedder_that_names_no_file_is_looked_for_later(
    pytester: pytest.Pytester, folder: Path, value: str
) -> None:
    assert settings_of(pytester, "--dataset=plain", f"--embedder={value}").embedder == value


@pytest.mark.parametrize("option", ["--device=gpu", "--embedder=file:nothing.npy"])
def test_a_wrong_name_ends_the_run_with_4_and_one_sentence_before_anything_is_decoded(
    tmp_path: Path,
    suite: Callable[..., "CompletedProcess[str]"],
    draw: Callable[[Path, Mapping[str, int]], Path],
    option: str,
) -> None:
    draw(tmp_path / "data", {"train/cat/1.png": 1})
    (tmp_path / "no_torch.py").write_text("import sys\nsys.modules['torch'] = None\n")
    run = suite(tmp_path, option, "-p", "no_torch")
    assert run.returncode == 4, run.stdout + run.stderr
    assert run.stderr.startswith("ERROR: "), run.stderr
    assert len(run.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "store").exists()


COUNT_READS = """
import atexit, pathlib
read, told = pathlib.Path.read_text, []
def read_text(self, *given, **more):
    told.append(self.name)
    return read(self, *given, **more)
pathlib.Path.read_text = read_text
atexit.register(lambda: print("READ", [told.count(n) for n in ("dataset.toml", "known.toml")]))
"""


def test_each_file_that_describes_the_run_is_read_once(
    tmp_path: Path,
    suite: Callable[..., "CompletedProcess[str]"],
    draw: Callable[[Path, Mapping[str, int]], Path],
) -> None:
    draw(tmp_path / "data", {"train/cat/1.png": 1})
    (tmp_path / "data" / "known.toml").touch()
    (tmp_path / "data" / "dataset.toml").write_text(
        '[splits.train]\nimages = "train"\n[options]\nknown_failures = "known.toml"\n'
    )
    (tmp_path / "count_reads.py").write_text(COUNT_READS)
    run = suite(tmp_path, "--collect-only", "-q", "-p", "count_reads")
    assert "READ [1, 1]" in run.stdout, run.stdout + run.stderr


def test_an_option_that_is_given_empty_is_refused_not_ignored(
    pytester: pytest.Pytester, folder: Path
) -> None:
    with pytest.raises(pytest.UsageError):
        settings_of(pytester, "--dataset=plain", "--limits=")


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_the_help_says_one_sentence_about_each_option(
    pytester: pytest.Pytester, option: object
) -> None:
    option_of = {each.name: each for each in OPTIONS}
    told = option_of[getattr(option, "name", "")]
    assert told.help[0].isupper()
    assert told.help.endswith(".")


def test_without_a_dataset_the_plugin_leaves_pytest_alone(pytester: pytest.Pytester) -> None:
    config = pytester.parseconfigure()
    assert SETTINGS not in config.stash
    assert config.pluginmanager.get_plugin("labelgate-reporter") is None


def test_the_page_about_options_names_every_option() -> None:
    page = ROOT / "docs" / "options.md"
    if not page.is_file():
        pytest.skip("docs/options.md is not written yet")
    text = page.read_text(encoding="utf-8")
    missing = [
        name for option in OPTIONS for name in (f"--{option.name}", option.key) if name not in text
    ]
    assert missing == []


def test_the_entry_points_are_those_of_the_project_file() -> None:
    from importlib.metadata import entry_points

    content = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    declared = content["project"]["entry-points"]["pytest11"]
    found = {e.name: e.value for e in entry_points(group="pytest11") if "labelgate" in e.value}
    assert found == declared
