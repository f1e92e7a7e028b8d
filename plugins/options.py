"""The options, and the first look at what they name: what is wrong is said before any test.

An entry-point plugin: it is loaded in every pytest of the environment, so it imports only pytest
and the standard library until `--dataset` is given.
"""

import gc
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

if TYPE_CHECKING:
    from labelgate.fixtures.readers import Described
    from labelgate.fixtures.settings import Settings


def _key(name: str) -> str:
    """The name of an option in the ini file and in pytest's namespace of options."""
    return "labelgate_" + name.replace("-", "_")


@dataclass(frozen=True, slots=True)
class Option:
    """One option: `--name` on the command line, `labelgate_name` in the ini file.

    Attributes:
        name: as on the command line, without dashes.
        help: one sentence.
        flag: whether it is a switch without a value.
    """

    name: str
    help: str
    flag: bool = False

    @property
    def key(self) -> str:
        """The name in the ini file and in pytest's namespace of options."""
        return _key(self.name)


OPTIONS = (
    Option(
        "dataset", "Folder of split/class/image or of shards, dataset.toml, or URL, to decide on."
    ),
    Option("report", "Folder the report is written into; by default labelgate-report."),
    Option("limits", "TOML of limits that is laid over the built-in ones."),
    Option("known-failures", "TOML of accepted failures, each with reason, owner and expiry date."),
    Option("baseline", "Earlier report (folder or report.json) to compare this release with."),
    Option("gate", "What fails: all failures, or only new ones, which the baseline did not have."),
    Option("store", "Folder where results are kept between runs; by default the user's cache."),
    Option("workers", "Processes that decode images; 0 for none; by default one per processor."),
    Option("embedder", "What turns pictures into vectors: builtin, timm:<model>, file:<npy>, ..."),
    Option("predictor", "What predicts classes: knn, open_clip:<model>/<tag>, ..., or none."),
    Option("device", "Where vectors are computed: auto, cpu, cuda or mps; by default auto."),
    Option("tau", "Cosine distance up to which pairs are compared; by default calibrated."),
    Option("shard", "Run part I/N of the checks, by class; labelgate merge joins the reports."),
    Option("engine", "What runs batches: local (processes of this machine) or ray."),
    Option("address", "Of a Ray cluster that runs; by default one is started on this machine."),
    Option("rehash", "Read every file again, whatever its modification time says.", flag=True),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds every option to the command line and to the ini file."""
    group = parser.getgroup("labelgate", "labelgate: is this dataset fit to release?")
    for option in OPTIONS:
        kind = {"action": "store_true"} if option.flag else {"metavar": option.name.upper()}
        ini: Literal["bool", "string"] = "bool" if option.flag else "string"
        group.addoption(f"--{option.name}", dest=option.key, default=None, help=option.help, **kind)
        parser.addini(option.key, option.help, type=ini, default=None)


def pytest_configure(config: pytest.Config) -> None:
    """Resolves the options and reads names, limits and known failures, where `--dataset` is given.

    Raises:
        pytest.UsageError: an option names something that cannot be used (exit code 4).
    """
    if _given(config, "dataset") is None or config.option.help:
        return
    pytest.register_assert_rewrite("labelgate.fixtures", "labelgate.expectations")  # plugins, later
    from labelgate.fixtures.errors import LabelgateError

    if gc.get_freeze_count():  # by an earlier run in this process, which left circles
        gc.unfreeze()
        gc.collect()
    try:
        _look(config)
    except LabelgateError as error:
        raise pytest.UsageError(str(error)) from error
    gc.freeze()  # names stay, and are not looked through by each garbage collection


def _look(config: pytest.Config) -> None:
    from labelgate.expectations.limits import LIMITS, check_overrides
    from labelgate.expectations.limits_file import read_limits
    from labelgate.fixtures.baseline import BASELINE, read_baseline, refuse_own_report
    from labelgate.fixtures.dataset import DATASET
    from labelgate.fixtures.predictors.names import refuse_repeated
    from labelgate.fixtures.readers import Memory, describe, read_described
    from labelgate.fixtures.settings import SETTINGS
    from labelgate.fixtures.shards import refuse_empty
    from labelgate.fixtures.store import open_store
    from labelgate.plugins.known_failures import KNOWN, match, read_known_failures
    from labelgate.plugins.progress_bar import show_progress
    from labelgate.plugins.report import writes_report
    from labelgate.plugins.report.folder import claim

    dataset = _dataset(config)
    described = describe(dataset)
    settings = _settings(config, dataset, described)
    config.stash[SETTINGS] = settings
    memory = Memory(None if config.option.collectonly else settings.store, show_progress)
    config.stash[DATASET] = read_described(described, memory)
    if settings.shard is not None:
        refuse_empty(settings.shard, config.stash[DATASET])
    imported = [file.name for file in config.stash[DATASET].predictions]
    refuse_repeated((*imported, *settings.predictors))
    config.stash[LIMITS] = read_limits(settings.limits)
    check_overrides(config.stash[LIMITS], config.stash[DATASET])
    if (file := settings.known_failures) is not None:
        entries = read_known_failures(file)
        config.stash[KNOWN] = match(file, entries, config.stash[LIMITS], config.stash[DATASET])
    if settings.baseline is not None:
        refuse_own_report(settings.baseline, settings.report)
        config.stash[BASELINE] = read_baseline(settings.baseline, f"--baseline={settings.baseline}")
    if not config.option.collectonly:
        open_store(settings.store)
    if writes_report(config):
        claim(settings.report)


def _settings(config: pytest.Config, dataset: Path | str, described: "Described") -> "Settings":
    from labelgate.fixtures.baseline import read_gate
    from labelgate.fixtures.engines import read_engine
    from labelgate.fixtures.readers import options_of
    from labelgate.fixtures.settings import Settings, default_store
    from labelgate.fixtures.shards import read_shard

    declared = options_of(described)
    predictors, predictor_folder = _predictors(config, described)
    baseline = _path(config, "baseline") or declared.get("baseline")
    shard = _given(config, "shard")
    return Settings(
        dataset=dataset,
        report=_path(config, "report") or config.invocation_params.dir / "labelgate-report",
        limits=_path(config, "limits") or declared.get("limits"),
        known_failures=_path(config, "known-failures") or declared.get("known_failures"),
        store=_path(config, "store") or default_store(),
        workers=_workers(config),
        rehash=bool(_given(config, "rehash")),
        embedder=_embedder(config),
        device=_device(config),
        tau=_tau(config),
        predictors=predictors,
        predictor_folder=predictor_folder,
        shard=None if shard is None else read_shard(shard),
        baseline=baseline,
        gate=read_gate(_given(config, "gate"), baseline),
        engine=read_engine(_given(config, "engine"), _given(config, "address")),
    )


def _given(config: pytest.Config, name: str) -> str | None:
    """Returns an option's value: command line, then ini file, else None."""
    value = config.getoption(_key(name), None)
    return value if value is not None else config.getini(_key(name)) or None


def _path(config: pytest.Config, name: str) -> Path | None:
    """Paths on the command line are relative to the working folder, in the ini file to its own."""
    value = _given(config, name)
    if value is None:
        return None
    return Path(os.path.abspath(_base(config, name) / Path(value).expanduser()))


def _dataset(config: pytest.Config) -> Path | str:
    """A folder or file, or a URL as it was given."""
    value = _given(config, "dataset") or ""
    return value if "://" in value else _path(config, "dataset") or Path()


def _base(config: pytest.Config, name: str) -> Path:
    """The folder that a path in an option that was given is relative to."""
    from_ini = config.getoption(_key(name), None) is None
    return config.rootpath if from_ini else config.invocation_params.dir


def _workers(config: pytest.Config) -> int:
    value = _given(config, "workers")
    if value is None:
        from labelgate.fixtures.workers import count_processors

        return count_processors()
    if not value.isdecimal():
        raise pytest.UsageError(f"--workers={value} is no number of processes; give 0, 1, 2, ...")
    return int(value)


def _embedder(config: pytest.Config) -> str:
    from labelgate.fixtures.embedders.names import check_name

    value = _given(config, "embedder")
    name = "builtin" if value is None else value
    check_name(name)
    return name


def _predictors(config: pytest.Config, described: "Described") -> tuple[tuple[str, ...], Path]:
    """The names of predictors, and the folder that paths in them are relative to."""
    from labelgate.fixtures.predictors.names import check_name, split_names
    from labelgate.fixtures.readers import predictors_of

    value = _given(config, "predictor")
    if value is None:
        names, folder = predictors_of(described), described.folder
    else:
        names, folder = split_names(value), _base(config, "predictor")
    for name in names:
        check_name(name, folder)
    return names, folder


def _device(config: pytest.Config) -> str:
    from labelgate.fixtures.devices import check_device

    value = _given(config, "device")
    name = "auto" if value is None else value
    check_device(name)
    return name


def _tau(config: pytest.Config) -> float | None:
    value = _given(config, "tau")
    if value is None:
        return None
    with suppress(ValueError):
        if 0 <= float(value) <= 2:
            return float(value)
    raise pytest.UsageError(f"--tau={value} is no cosine distance; give a number from 0 to 2.")
