from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, asdict, dataclass, field, replace

import pytest

from chalicelib.core.record import record


@record
class Film:
    title: str
    year: int = 1927
    tags: list[str] = field(default_factory=list)
    key: str = field(default="a secret", repr=False)
    seen: int = field(default=0, compare=False)


@record
class Series:
    title: str
    year: int = 1927
    tags: list[str] = field(default_factory=list)


@record
class Point:
    x: int
    y: int = 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Point) and self.x == other.x

    def __hash__(self) -> int:
        return self.x


@dataclass(frozen=True, slots=True)
class Frozen:
    title: str
    year: int = 1927


@record
class Same:
    title: str
    year: int = 1927


def test_records_of_one_class_are_compared_by_their_fields() -> None:
    assert Film("Metropolis", tags=["a"]) == Film("Metropolis", tags=["a"], seen=2)
    assert Film("Metropolis") != Film("Metropolis", 1928)
    others: list[object] = [Series("Metropolis"), "Metropolis", None]
    assert [other for other in others if other in (Film("Metropolis"),)] == []


def test_equal_records_have_the_same_hash() -> None:
    assert len({Same("Metropolis"), Same("Metropolis", 1927), Same("M")}) == 2
    with pytest.raises(TypeError, match="unhashable"):
        hash(Film("Metropolis"))


def test_a_class_can_define_equality() -> None:
    assert Point(1, 2) == Point(1, 3)
    assert hash(Point(1, 2)) == 1


def test_the_text_of_a_record_is_that_of_a_dataclass_and_omits_secrets() -> None:
    assert repr(Same("M")) == repr(Frozen("M")).replace("Frozen", "Same")
    assert repr(Film("M")) == "Film(title='M', year=1927, tags=[], seen=0)"


def test_the_functions_for_dataclasses_accept_records() -> None:
    film = replace(Film("M", tags=["a"]), year=1931)
    assert asdict(film) == {"title": "M", "year": 1931, "tags": ["a"], "key": "a secret", "seen": 0}
    assert copy.deepcopy(film) == pickle.loads(pickle.dumps(film)) == film


def test_a_record_has_no_other_attributes() -> None:
    with pytest.raises(AttributeError):
        Same("M").other = 1  # type: ignore[attr-defined]


def test_mypy_rejects_assignments_to_fields() -> None:
    # mypy reports a comment that ignores no error. Python does not check the assignment to a record.
    Same("M").year = 1931  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        Frozen("M").year = 1931  # type: ignore[misc]
