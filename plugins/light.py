"""Checks that take little memory: most of what pytest keeps of a test is made when it is asked for.

pytest keeps 2.4 kB of each test of a parametrized function, and 21,841 classes have 600,000 of
them. A check that is looked up in one step (`plugins/protocol.py`) needs a tenth of that.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from labelgate.fixtures.checks import ASKED, OURS, asked_of, is_check, name_check, subject_of
from labelgate.fixtures.dataset import DATASET, Dataset
from labelgate.fixtures.subjects import Per, subjects_of
from labelgate.plugins.idle import only_idle

SHARED = frozenset(("originalname", "fixturenames", "_obj", "_fixtureinfo"))
"""Attributes that all tests of a function have in common."""

AS_THEY_ARE = "disable_test_id_escaping_and_forfeit_all_rights_to_community_support"
"""pytest's option under which ids are not escaped."""


class Check(pytest.Function):
    """One test of a parametrized function, which becomes whole when somebody asks for its parts.

    To whoever uses it, it is a `pytest.Function`: what is read of it and not yet there is made as
    pytest makes it.
    """

    __slots__ = ("_like", "_number", "_subject", "is_light")

    def __init__(
        self, parent: pytest.Module, like: pytest.Function, name: str, subject: object, number: int
    ) -> None:
        """Keeps what tells a test from the others of its function.

        Args:
            parent: its module.
            like: one of the same function, as pytest made it, which is kept for all of them.
            name: of the test.
            subject: what it is about.
            number: which of the subjects of its function that is.
        """
        self.is_light = True
        self._like, self._subject, self._number = like, subject, number
        self.name, self.parent, self.path = name, parent, like.path
        self.config, self.session = like.config, like.session

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        """Makes what is not there: all of it, but for what takes part in collecting and running."""
        if name in Check.__slots__ or not self.is_light:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        if name in SHARED:
            return getattr(self._like, name)
        if name == "callspec":
            return self._make_callspec()
        if name == "_id" and self.parent is not None:  # of the property `id`, which pytest reads
            return self.parent.id.child(self.originalname).with_params(self._written())
        self._become_whole()
        return getattr(self, name)

    def _become_whole(self) -> None:
        """Makes all of it, as pytest's collector of modules does."""
        callspec = self._make_callspec()
        self.is_light = False
        super().__init__(
            name=self.name,
            parent=self.parent,
            callspec=callspec,
            fixtureinfo=self._like._fixtureinfo,
            keywords={callspec.id: True},
            originalname=self._like.originalname,
        )
        tell_check(self)

    def _make_callspec(self) -> Any:  # noqa: ANN401 - pytest exports no name of it
        return replace(
            self._like.callspec,
            params=self.arguments(),
            indices=dict.fromkeys(self._like.callspec.indices, self._number),
            _idlist=[self._written()],
        )

    def arguments(self) -> dict[str, object]:
        """Returns what its function is called with beside fixtures."""
        return dict.fromkeys(self._like.callspec.params, self._subject)

    @property
    def about(self) -> tuple[Per, str]:
        """The kind of its subject, and its name: what `subject_of` says of it."""
        (argument,) = self._like.callspec.params
        return ASKED[argument], str(self._subject)

    def _written(self) -> str:
        """The subject as it stands in the brackets of the name: without what is not ASCII."""
        return self.name[len(self._like.originalname) + 1 : -1]

    @property
    def nodeid(self) -> str:
        """The address of the check, kept only of those that are whole."""
        if not self.is_light or self.parent is None:
            return super().nodeid
        return f"{self.parent.nodeid}::{self.name}"

    @property
    def location(self) -> tuple[str, int | None, str]:
        """File and line of its function, looked up once for all of them, and its name."""
        return (*self._like.location[:2], self.name)

    def iter_markers_with_node(self, name: str | None = None) -> Iterator[Any]:
        """Yields the markers of the check and of its parents; one that is not whole has none."""
        if not self.is_light or self.parent is None:
            return super().iter_markers_with_node(name)
        return self.parent.iter_markers_with_node(name)

    def listextrakeywords(self) -> set[str]:
        """Returns what `-k` selects it by beside its name: its subject as it is written."""
        if not self.is_light or self.parent is None:
            return super().listextrakeywords()
        return {str(self._subject), *self.parent.listextrakeywords()}


def tell_check(check: pytest.Function) -> None:
    """Gives a check the properties that name it, and its subject as a keyword."""
    check.user_properties += name_check(check)
    check.extra_keyword_matches.add(subject_of(check)[1])


def is_usual(test: pytest.Function) -> bool:
    """Tells whether all tests of a function are checks that differ in their subject alone.

    So it is where it asks for a subject and for nothing that could be parametrized, and nobody
    marks or parametrizes it. Then pytest is asked for the first of its tests, and half a million
    like it are made of that: pytest takes ten times as long for each.
    """
    config = test.config
    return (
        len(asked_of(test)) == 1
        and OURS.issuperset(test.fixturenames)
        and not test.own_markers
        and not config.getini(AS_THEY_ARE)
        and only_idle(config, ["pytest_generate_tests"])
    )


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class,
) -> Generator[None, Any, Any]:
    """Puts light checks in the place of what pytest made of a function."""
    made = yield
    if not isinstance(collector, pytest.Module) or not isinstance(made, list):
        return made
    if len(made) == 1 and _is_plain(made[0]) and is_usual(made[0]):
        ((argument, _),) = made[0].callspec.params.items()
        return list(_make_all(collector, made[0], subjects_of(ASKED[argument], _dataset(made[0]))))
    plain = [test for test in made if _is_plain(test)]
    if not plain or len(plain) < len(made):
        return made
    return [
        Check.from_parent(collector, like=plain[0], name=test.name, subject=subject, number=number)
        for test in plain
        for subject, number in zip(
            test.callspec.params.values(), test.callspec.indices.values(), strict=True
        )
    ]


def _dataset(test: pytest.Function) -> Dataset:
    return test.config.stash[DATASET]


def _make_all(
    module: pytest.Module, like: pytest.Function, subjects: Sequence[str]
) -> Iterator[Check]:
    """Makes the check of each subject; ids are those that pytest would give."""
    for number, subject in enumerate(subjects):
        name = f"{like.originalname}[{escape(subject)}]"
        told = {"name": name, "subject": subject, "number": number}
        yield Check.from_parent(module, like=like, **told)


@cache
def escape(subject: str) -> str:
    """Writes a subject as pytest writes an id: what is not printable ASCII is escaped."""
    return subject.encode("unicode_escape").decode("ascii")


def _is_plain(test: pytest.Item) -> bool:
    """Tells whether a test is a check of one subject, without anything of its own beside."""
    if not (type(test) is pytest.Function and is_check(test) and hasattr(test, "callspec")):
        return False
    spec = test.callspec
    return len(spec.params) == 1 and ASKED.keys() >= spec.params.keys() and not test.own_markers
