"""Conditions and updates as values, and the one place that turns them into DynamoDB's text.

Every attribute name is aliased, always: DynamoDB reserves 573 words, and a name that is no reserved
word today may collide tomorrow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from chalicelib.aws.dynamodb.attribute_values import AttributeValue, encode_value

NO_ATTRIBUTES: Mapping[str, Any] = MappingProxyType({})


class Condition(NamedTuple):
    """Something that holds for a row or not. Made by the functions of this module."""

    form: str
    name: str = ""
    values: tuple[Any, ...] = ()
    parts: tuple[Condition, ...] = ()


def exists(name: str) -> Condition:
    """The row has the attribute; with the name of a key, the row is there."""
    return Condition("attribute_exists(%s)", name)


def absent(name: str) -> Condition:
    """The row lacks the attribute; with the name of a key, there is no row."""
    return Condition("attribute_not_exists(%s)", name)


def equals(name: str, value: Any) -> Condition:
    """The attribute is there and has this value."""
    return Condition("%s = %s", name, (value,))


def differs(name: str, value: Any) -> Condition:
    """The attribute is absent or has another value."""
    return any_of(absent(name), Condition("%s <> %s", name, (value,)))


def less_than(name: str, value: Any) -> Condition:
    """The attribute is below the value."""
    return Condition("%s < %s", name, (value,))


def at_most(name: str, value: Any) -> Condition:
    """The attribute is the value or below it."""
    return Condition("%s <= %s", name, (value,))


def greater_than(name: str, value: Any) -> Condition:
    """The attribute is above the value."""
    return Condition("%s > %s", name, (value,))


def at_least(name: str, value: Any) -> Condition:
    """The attribute is the value or above it."""
    return Condition("%s >= %s", name, (value,))


def between(name: str, low: Any, high: Any) -> Condition:
    """The attribute is within these bounds, both included."""
    return Condition("%s BETWEEN %s AND %s", name, (low, high))


def begins_with(name: str, prefix: str) -> Condition:
    """The attribute is a text that starts like this."""
    return Condition("begins_with(%s, %s)", name, (prefix,))


def contains(name: str, value: Any) -> Condition:
    """The attribute is a text with this piece, or a list with this member."""
    return Condition("contains(%s, %s)", name, (value,))


def all_of(*conditions: Condition) -> Condition:
    """Every one of them holds."""
    return _joined(" AND ", conditions)


def any_of(*conditions: Condition) -> Condition:
    """At least one of them holds."""
    return _joined(" OR ", conditions)


def negated(condition: Condition) -> Condition:
    """It does not hold."""
    return Condition("NOT ", parts=(condition,))


def _joined(word: str, conditions: tuple[Condition, ...]) -> Condition:
    if not conditions:
        raise ValueError("a condition of nothing says nothing")
    return conditions[0] if len(conditions) == 1 else Condition(word, parts=conditions)


class UpdateExpression(NamedTuple):
    """What to do to a row. Setting an attribute to None removes it; adding to an absent one starts at 0."""

    set: Mapping[str, Any] = NO_ATTRIBUTES
    add: Mapping[str, int] = NO_ATTRIBUTES
    remove: Iterable[str] = ()


class Renderer:
    """Writes the expressions of one call, which share their aliases."""

    __slots__ = ("_aliases", "_values")

    def __init__(self) -> None:
        self._aliases: dict[str, str] = {}
        self._values: dict[str, AttributeValue] = {}

    def condition(self, condition: Condition) -> str:
        """The text of a condition."""
        parts = condition.parts
        if not parts:
            values = [self._value(value) for value in condition.values]
            return condition.form % (self._name(condition.name), *values)
        if len(parts) == 1:
            return f"{condition.form}{self._part(parts[0])}"
        return condition.form.join([self._part(part) for part in parts])

    def update(self, update: UpdateExpression) -> str:
        """The text of an update."""
        kept = [(name, value) for name, value in update.set.items() if value is not None]
        removed = [*(name for name, value in update.set.items() if value is None), *update.remove]
        clauses = (
            ("SET", [f"{self._name(name)} = {self._value(value)}" for name, value in kept]),
            ("ADD", [f"{self._name(name)} {self._value(value)}" for name, value in update.add.items()]),
            ("REMOVE", [self._name(name) for name in removed]),
        )
        return " ".join([f"{word} {', '.join(terms)}" for word, terms in clauses if terms])

    def names(self, names: Iterable[str]) -> str:
        """The text that names the attributes to be read."""
        return ", ".join([self._name(name) for name in names])

    def aliases(self) -> dict[str, Any]:
        """The parameters that say what the aliases in the texts stand for."""
        params: dict[str, Any] = {}  # DynamoDB refuses empty maps
        if self._aliases:
            params["ExpressionAttributeNames"] = {alias: name for name, alias in self._aliases.items()}
        if self._values:
            params["ExpressionAttributeValues"] = self._values
        return params

    def _part(self, condition: Condition) -> str:
        text = self.condition(condition)
        return f"({text})" if condition.parts else text

    def _name(self, name: str) -> str:
        alias = self._aliases.get(name)
        if alias is None:
            alias = self._aliases[name] = f"#{len(self._aliases)}"
        return alias

    def _value(self, value: Any) -> str:
        alias = f":{len(self._values)}"
        self._values[alias] = encode_value(value)
        return alias
