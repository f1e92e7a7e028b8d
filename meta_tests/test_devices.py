"""Where vectors are computed: the device that was asked for, or the best one that is there."""

import math
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from types import ModuleType

import numpy as np
import pytest
from random_networks import picture

from labelgate.fixtures import devices
from labelgate.fixtures.devices import choose_device, foresee_device
from labelgate.fixtures.embedders.network import Network, describe
from labelgate.fixtures.errors import SettingsError

torch = pytest.importorskip("torch")
Python = Callable[..., "CompletedProcess[str]"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the device")
def test_a_device_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(SettingsError, match=r"--device=cuda was asked for, and torch"):
        choose_device("cuda")


def test_a_device_that_does_not_exist_is_one_sentence() -> None:
    with pytest.raises(SettingsError, match="choose one of auto, cuda, mps, cpu"):
        choose_device("tpu")


def test_the_best_device_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_possible", lambda: True)
    for there, chosen in ((("cuda", "cpu"), "cuda"), (("mps", "cpu"), "mps"), (("cpu",), "cpu")):
        monkeypatch.setattr(devices, "_present", lambda there=there: there)
        assert choose_device("auto") == chosen
        assert choose_device("cpu") == "cpu"
        assert foresee_device("auto") == "auto"  # not asked of torch before the first line
    monkeypatch.setattr(devices, "_possible", lambda: False)
    assert [foresee_device(name) for name in ("auto", "cuda")] == ["cpu", "cuda"]
    monkeypatch.undo()
    assert choose_device("auto") in ("cuda", "mps", "cpu")


def test_a_processor_is_always_there_and_comes_last() -> None:
    there = devices._present()
    assert (there[-1], set(there) <= {"cuda", "mps", "cpu"}) == ("cpu", True)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="knows Linux's device files")
def test_no_device_file_means_cpu_without_torch(tmp_path: Path, python: Python) -> None:
    code = (
        "import sys\n"
        "from labelgate.fixtures import devices\n"
        "devices._NODES = ()\n"
        "print(devices.choose_device('auto'), 'torch' in sys.modules)"
    )
    assert python(tmp_path, "-c", code).stdout.strip() == "cpu False"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_cuda_gives_nearly_the_vectors_of_the_cpu(timm: ModuleType) -> None:
    from labelgate.fixtures.embedders.timm_model import build_timm

    images = torch.from_numpy(np.stack([picture(160, 160, seed) for seed in range(4)]))
    found = []
    for device in ("cpu", "cuda"):
        torch.manual_seed(0)
        built = build_timm("timm:test_vit", "test_vit", device, None)
        description = describe("x", "l", "w", built, device)
        network = Network("x", device, description, lambda built=built: built.forward)
        found.append(network.encode(images.to(device)).cpu())
    assert math.isclose(float((found[0] * found[1]).sum(1).min()), 1, abs_tol=1e-2)
