"""Reads the built-in `limits.toml` and a file of the user laid over it."""

import hashlib
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from labelgate.expectations.limits import Bound, Limit, Limits, Severity
from labelgate.fixtures.errors import SettingsError
from labelgate.fixtures.pixels import Caps
from labelgate.fixtures.subjects import Per

Finite = Annotated[float, Field(allow_inf_nan=False)]

BUILT_IN = Path(__file__).with_name("limits.toml")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


Entry = TypeVar("Entry", bound=_Strict)


class OverrideEntry(_Strict):
    """`[[stem.property.overrides]]`: another limit for a class, a split, a predictor or several."""

    subject: str | None = Field(default=None, alias="class")
    split: str | None = None
    predictor: str | None = None
    max: Finite | None = None
    min: Finite | None = None
    source: str = Field(min_length=1)


class PropertyEntry(_Strict):
    """`[stem.property]` as it stands in a file; a user's names only what it changes."""

    max: Finite | None = None
    min: Finite | None = None
    per: Per | None = None
    unit: str | None = None
    severity: Severity | None = None
    required: bool | None = None
    finding: str | None = None
    remedy: str | None = None
    evidence: str | None = None
    between_splits: bool | None = None
    source: str | None = None
    overrides: list[OverrideEntry] = []


class DecodingEntry(_Strict):
    """`[decoding]`: the most a single file may cost."""

    max_pixels: int | None = Field(default=None, gt=0)
    max_file_bytes: int | None = Field(default=None, gt=0)


class StatisticsEntry(_Strict):
    """`[statistics]`: how sure a statement about a rate or a distribution must be."""

    confidence: float | None = Field(default=None, gt=0.5, lt=1)
    least_images: int | None = Field(default=None, ge=2)
    least_coverage: Finite | None = Field(default=None, gt=0, le=1)
    least_agreement: Finite | None = Field(default=None, ge=0, le=1)


GENERAL: dict[str, type[DecodingEntry] | type[StatisticsEntry]] = {
    "decoding": DecodingEntry,
    "statistics": StatisticsEntry,
}
"""The tables that speak of no property."""


def read_limits(user_file: Path | None) -> Limits:
    """Reads the built-in limits and lays a user's file over them.

    Args:
        user_file: TOML of the same form that names only what it changes, or None.

    Raises:
        SettingsError: the file cannot be read, or names something that does not exist.
    """
    content = _parse(BUILT_IN)
    general = {
        name: _entry(BUILT_IN, kind, name, content.pop(name)).model_dump()
        for name, kind in GENERAL.items()
    }
    limits = {
        name: _limit(BUILT_IN, stem, name, _entry(BUILT_IN, PropertyEntry, f"{stem}.{name}", table))
        for stem, tables in content.items()
        for name, table in tables.items()
    }
    digest = hashlib.sha256(BUILT_IN.read_bytes())
    if user_file is not None:
        _lay_over(user_file, limits, general)
        digest.update(user_file.read_bytes())
    caps = Caps(general["decoding"]["max_pixels"], general["decoding"]["max_file_bytes"])
    return Limits(properties=limits, caps=caps, sha256=digest.hexdigest(), **general["statistics"])


def _lay_over(file: Path, limits: dict[str, Limit], general: dict[str, dict[str, Any]]) -> None:
    """Changes limits and general tables to what the user's file says."""
    for stem, tables in _parse(file).items():
        if stem in GENERAL:
            given = _entry(file, GENERAL[stem], stem, tables)
            general[stem] |= given.model_dump(exclude_none=True)
            continue
        for name, table in (tables if isinstance(tables, dict) else {"": None}).items():
            limit = limits.get(name)
            if limit is None or limit.stem != stem:
                known = ", ".join(
                    sorted({f"{each.stem}.{each.property}" for each in limits.values()})
                )
                raise SettingsError(f"{file}: no property '{stem}.{name}'; there are {known}.")
            limits[name] = _change(
                file, limit, _entry(file, PropertyEntry, f"{stem}.{name}", table)
            )


def _change(file: Path, limit: Limit, entry: PropertyEntry) -> Limit:
    _refuse_words(file, f"{limit.stem}.{limit.property}", entry)
    _refuse_fixed(file, f"{limit.stem}.{limit.property}", entry)
    told = entry.model_dump(
        exclude_none=True, include={"severity", "required", "finding", "remedy"}
    )
    changed = replace(limit, **told)
    default, *overrides = limit.bounds
    _refuse_empty(file, limit.property, entry)
    if entry.max is not None or entry.min is not None:
        if not entry.source:
            raise SettingsError(
                f"{file}: {limit.stem}.{limit.property} changes a limit without a source; "
                "say in `source` where the number comes from."
            )
        default = Bound(_float(entry.min), _float(entry.max), entry.source)
    return replace(changed, bounds=(default, *overrides, *_overrides(file, limit.property, entry)))


def _limit(file: Path, stem: str, name: str, entry: PropertyEntry) -> Limit:
    bound = Bound(_float(entry.min), _float(entry.max), entry.source or "")
    told = (entry.unit, entry.severity, entry.required, entry.finding, entry.remedy, entry.source)
    if None in told or not bound.text:
        raise SettingsError(f"{file}: {stem}.{name} must give max or min and every other key.")
    _refuse_words(file, f"{stem}.{name}", entry)
    return Limit(
        property=name,
        stem=stem,
        per=entry.per or "class",
        bounds=(bound, *_overrides(file, name, entry)),
        unit=entry.unit or "",
        severity=entry.severity or "critical",
        required=bool(entry.required),
        finding=entry.finding or "",
        remedy=entry.remedy or "",
        evidence=entry.evidence or "",
        between_splits=bool(entry.between_splits),
    )


def _refuse_words(file: Path, name: str, entry: PropertyEntry) -> None:
    """A finding is filled in when a check has failed: too late to learn that it cannot be."""
    try:
        asked = {told[1:] for told in Formatter().parse(entry.finding or "") if told[1] is not None}
        known = asked <= {("value", "", None), ("n", "", None)}  # a width would fill memory
    except ValueError:  # a brace alone
        known = False
    if not known:
        raise SettingsError(
            f"{file}: {name}.finding may hold {{value}} and {{n}} and no other braces: it is "
            f"{entry.finding!r}."
        )


def _refuse_fixed(file: Path, name: str, entry: PropertyEntry) -> None:
    """What is measured, and in which unit, is no matter of tolerance."""
    for key in ("per", "unit", "evidence", "between_splits"):
        if getattr(entry, key) is not None:
            raise SettingsError(f"{file}: {name}.{key} cannot be changed; remove it.")


def _refuse_empty(file: Path, name: str, entry: PropertyEntry | OverrideEntry) -> None:
    if entry.min is not None and entry.max is not None and entry.min > entry.max:
        raise SettingsError(
            f"{file}: {name} has min = {entry.min:g} over max = {entry.max:g}; nothing can meet it."
        )


def _overrides(file: Path, name: str, entry: PropertyEntry) -> Sequence[Bound]:
    bounds = []
    for number, override in enumerate(entry.overrides, start=1):
        _refuse_empty(file, f"override {number} of {name}", override)
        bound = Bound(
            _float(override.min),
            _float(override.max),
            override.source,
            override.subject,
            override.split,
            override.predictor,
        )
        if not bound.text or (bound.subject, bound.split, bound.predictor) == (None, None, None):
            raise SettingsError(
                f"{file}: override {number} of {name} must name a class, a split or a predictor, "
                "and max or min."
            )
        bounds.append(bound)
    return bounds


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)


def _parse(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SettingsError(f"The limits {file} cannot be read as TOML: {error}.") from error


def _entry(file: Path, kind: type[Entry], key: str, table: Any) -> Entry:  # noqa: ANN401
    try:
        return kind.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join([key, *map(str, first["loc"])])
        raise SettingsError(
            f"{file}: {where}: {first['msg']}; known keys: {', '.join(kind.model_fields)}."
        ) from error
