"""Conditions and updates as Python values, and their rendering as DynamoDB expressions.

Expressions use a placeholder for every attribute name, because DynamoDB reserves 573 words and may reserve more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from chalicelib.aws.dynamodb.attribute_values import AttributeValue, encode_value

NO_ATTRIBUTES: Mapping[str, Any] = MappingProxyType({})


class Condition(NamedTuple):
    """A condition on a row. The functions of this module create conditions.

    `template` is the expression with `%s` for the name and each value. For a condition with `parts` it is the operator.
    """

    template: str
    name: str = ""
    values: tuple[Any, ...] = ()
    parts: tuple[Condition, ...] = ()


def exists(name: str) -> Condition:
    """The row has the attribute. For a key attribute: the row exists."""
    return Condition("attribute_exists(%s)", name)


def absent(name: str) -> Condition:
    """The row does not have the attribute. For a key attribute: the row does not exist."""
    return Condition("attribute_not_exists(%s)", name)


def equals(name: str, value: Any) -> Condition:
    """The attribute exists and has this value."""
    return Condition("%s = %s", name, (value,))


def differs(name: str, value: Any) -> Condition:
    """The attribute does not exist or has another value."""
    return any_of(absent(name), Condition("%s <> %s", name, (value,)))


def less_than(name: str, value: Any) -> Condition:
    """The attribute is less than the value."""
    return Condition("%s < %s", name, (value,))


def at_most(name: str, value: Any) -> Condition:
    """The attribute is less than or equal to the value."""
    return Condition("%s <= %s", name, (value,))


def greater_than(name: str, value: Any) -> Condition:
    """The attribute is greater than the value."""
    return Condition("%s > %s", name, (value,))


def at_least(name: str, value: Any) -> Condition:
    """The attribute is greater than or equal to the value."""
    return Condition("%s >= %s", name, (value,))


def between(name: str, low: Any, high: Any) -> Condition:
    """The attribute is between these values, both inclusive."""
    return Condition("%s BETWEEN %s AND %s", name, (low, high))


def begins_with(name: str, prefix: str) -> Condition:
    """The attribute is a string with this prefix."""
    return Condition("begins_with(%s, %s)", name, (prefix,))


def contains(name: str, value: Any) -> Condition:
    """The attribute is a string that contains this string, or a list that contains this value."""
    return Condition("contains(%s, %s)", name, (value,))


def has_size(name: str, size: int) -> Condition:
    """The attribute is a string, set, list or map of this size."""
    return Condition("size(%s) = %s", name, (size,))


def all_of(*conditions: Condition) -> Condition:
    """All conditions hold. Raises ValueError if there are none."""
    return _combined(" AND ", conditions)


def any_of(*conditions: Condition) -> Condition:
    """At least one condition holds. Raises ValueError if there are none."""
    return _combined(" OR ", conditions)


def negated(condition: Condition) -> Condition:
    """The condition does not hold."""
    return Condition("NOT ", parts=(condition,))


def _combined(operator: str, conditions: tuple[Condition, ...]) -> Condition:
    if not conditions:
        raise ValueError("at least one condition is required")
    return conditions[0] if len(conditions) == 1 else Condition(operator, parts=conditions)


class UpdateExpression(NamedTuple):
    """The changes of an update. `set` with None removes the attribute.

    `add` adds to a number, or adds members to a set of numbers. It treats a missing attribute as 0 or as an empty set.
    """

    set: Mapping[str, Any] = NO_ATTRIBUTES
    add: Mapping[str, int | frozenset[int]] = NO_ATTRIBUTES
    remove: Iterable[str] = ()


class Renderer:
    """Renders the expressions of one request. They share their placeholders for names and values."""

    __slots__ = ("_names", "_values")

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[str, AttributeValue] = {}

    def condition(self, condition: Condition) -> str:
        """Returns the expression of a condition."""
        parts = condition.parts
        if not parts:
            values = [self._value(value) for value in condition.values]
            return condition.template % (self._name(condition.name), *values)
        if len(parts) == 1:
            return f"{condition.template}{self._part(parts[0])}"
        return condition.template.join([self._part(part) for part in parts])

    def update(self, update: UpdateExpression) -> str:
        """Returns the expression of an update."""
        assigned = [(name, value) for name, value in update.set.items() if value is not None]
        removed = [*(name for name, value in update.set.items() if value is None), *update.remove]
        clauses = (
            ("SET", [f"{self._name(name)} = {self._value(value)}" for name, value in assigned]),
            ("ADD", [f"{self._name(name)} {self._value(value)}" for name, value in update.add.items()]),
            ("REMOVE", [self._name(name) for name in removed]),
        )
        return " ".join([f"{keyword} {', '.join(terms)}" for keyword, terms in clauses if terms])

    def names(self, names: Iterable[str]) -> str:
        """Returns a projection expression: the attributes to read."""
        return ", ".join([self._name(name) for name in names])

    def placeholders(self) -> dict[str, Any]:
        """Returns the request parameters that define the placeholders of the rendered expressions."""
        params: dict[str, Any] = {}  # DynamoDB rejects empty maps
        if self._names:
            params["ExpressionAttributeNames"] = {placeholder: name for name, placeholder in self._names.items()}
        if self._values:
            params["ExpressionAttributeValues"] = self._values
        return params

    def _part(self, condition: Condition) -> str:
        expression = self.condition(condition)
        return f"({expression})" if condition.parts else expression

    def _name(self, name: str) -> str:
        placeholder = self._names.get(name)
        if placeholder is None:
            placeholder = self._names[name] = f"#{len(self._names)}"
        return placeholder

    def _value(self, value: Any) -> str:
        placeholder = f":{len(self._values)}"
        self._values[placeholder] = encode_value(value)
        return placeholder
