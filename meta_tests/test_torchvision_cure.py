"""The cure of a torchvision that was built for another torch."""

import pytest

torch = pytest.importorskip("torch")


def test_the_cure_declares_nothing_where_torchvision_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    from labelgate.fixtures import torchvision_cure

    monkeypatch.setattr(torchvision_cure, "import_module", lambda name: name)
    before = len(torchvision_cure._declared)
    torchvision_cure.import_torchvision()
    assert len(torchvision_cure._declared) == before


def test_the_cure_is_for_one_illness_only(monkeypatch: pytest.MonkeyPatch) -> None:
    from labelgate.fixtures import torchvision_cure

    def fail(name: str) -> None:
        raise RuntimeError("operator torchvision::roi_align does not exist")

    monkeypatch.setattr(torchvision_cure, "import_module", fail)
    with pytest.raises(RuntimeError, match="roi_align"):
        torchvision_cure.import_torchvision()


def test_torchvision_is_imported_twice_without_harm() -> None:
    from labelgate.fixtures.torchvision_cure import import_torchvision

    import_torchvision()
    import_torchvision()
    from torchvision.transforms import functional

    assert functional.get_dimensions(torch.zeros(3, 4, 5)) == [3, 4, 5]
