"""An expression whose text has been parsed before gives the same result and the same errors as without the patches."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import ClientError
from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.parsing.ast_nodes import DepthFirstTraverser, Node  # type: ignore[attr-defined]
from moto.dynamodb.parsing.expressions import UpdateExpressionParser  # type: ignore[attr-defined]
from moto.dynamodb.parsing.validators import ActionCountValidator, OverlappingPathsValidator

from chalicelib.local.engine import Engine
from chalicelib.local.moto.patches import install
from tests.local.conftest import CATALOG, new_row

NAMES = {"#a": "a", "#b": "b", "#m": "map", "#odd": "#a"}
VALUES: list[dict[str, Any]] = [
    {":one": {"N": "1"}, ":two": {"N": "2"}, ":text": {"S": "x"}, ":type": {"S": "S"}},
    {":one": {"S": "x"}, ":two": {"S": "z"}, ":text": {"S": ":one"}, ":type": {"S": "N"}},
    {":one": {"NULL": True}, ":two": {"NULL": True}, ":text": {"B": b"x"}, ":type": {"S": "NULL"}},
    {":one": {"N": "1"}},
]
CONDITIONS = [
    "#a = :one",
    "a = :one",
    "#a <> :one AND #b >= :two",
    "(#a = :one OR #b < :two) AND NOT attribute_exists(c)",
    "#a BETWEEN :one AND :two",
    "#a IN (:one, :two, b)",
    "begins_with(#b, :text) OR contains(#b, :text)",
    "attribute_type(#a, :type) AND attribute_not_exists(#odd)",
    "size(#b) > :one",
    "#m.inner[0].#a = :one",
    ":one = :two",
    # Expressions with an error.
    "#a = ",
    "#a == :one",
    "#missing = :one",
    "((#a = :one))",
    "size(#a)",
    "#a AND :one",
    "begins_with(#a)",
    "name = :one",
    "#m.:one = :two",
    "@",
]
ROWS: list[dict[str, Any]] = [
    {"a": {"N": "1"}, "b": {"S": "xyz"}},
    {"a": {"S": "x"}, "b": {"N": "5"}, "map": {"M": {"inner": {"L": [{"M": {"a": {"N": "1"}}}]}}}},
    {"a": {"NULL": True}},
]
UPDATES = [
    "SET #a = :one",
    "SET #a = #b + :one, #b = :two",
    "SET #a = if_not_exists(#a, :one) REMOVE #b",
    "ADD #a :one",
    "SET #m.#a = :text, #l = list_append(#l, :list)",
    "REMOVE #l[0], #l[1]",
    "DELETE #s :set",
    # Updates with an error.
    "SET #a = :one SET #b = :one",
    "ADD #a :one ADD #b :one SET #m.x = :one",
    "REMOVE #a SET #b = :one REMOVE #l ADD #b :one",
    "SET #b = :one, #m.x = :one, #m.x = :two, #a = :one",
    "SET #m = :one, #m.x = :two, #a = :one, #a = :two",
    "SET #a = :one, #missing = :one, #a = :two",
    "SET #a = :missing",
    "SET #a = :one, #a = :two",
    "SET pk = :one",
    "SET #missing = :one",
    "SET #m.x.y = :one",
    "SET #a = #nothing + :one",
    "PUT #a :one",
    "SET",
]
UPDATE_NAMES = {"#a": "a", "#b": "b", "#m": "map", "#l": "list", "#s": "set", "#nothing": "nothing"}
UPDATE_VALUES = {
    ":one": {"N": "1"},
    ":two": {"N": "2"},
    ":text": {"S": "x"},
    ":list": {"L": [{"S": "y"}]},
    ":set": {"SS": ["p"]},
}
UPDATED = {
    **new_row("p"),
    "a": {"N": "5"},
    "b": {"N": "7"},
    "map": {"M": {"a": {"S": "m"}}},
    "list": {"L": [{"S": "0"}, {"S": "1"}, {"S": "2"}]},
    "set": {"SS": ["p", "q"]},
}


@pytest.fixture(autouse=True)
def _installed() -> None:
    install()


def outcome(action: Callable[[], object]) -> object:
    """What the action returns, or its error."""
    try:
        return action()
    except Exception as error:
        return type(error), str(error)


def parsed(parse: Any, text: Any, names: Any, values: Any) -> object:
    """Everything that moto reads of a condition, and its results for the rows."""
    parser: Any = ConditionExpressionParser(text, names, values)
    condition = parse(parser)
    results = [outcome(partial(condition.expr, Item(DynamoType({"S": "p"}), None, row))) for row in ROWS]
    return str(condition), parser.expr_attr_names_found, parser.expr_attr_values_found, results


@pytest.mark.parametrize("text", [*CONDITIONS, "", None, 5, "a = :one" + " " * 5000])
def test_a_condition_is_parsed_as_without_the_patch(text: Any) -> None:
    patched: Any = ConditionExpressionParser.parse
    for names in (NAMES, {**NAMES, "#a": "b"}, {}, None):
        for values in (*VALUES, {}, None):
            expected = outcome(partial(parsed, patched.__wrapped__, text, names, values))
            for _ in range(2):
                assert outcome(partial(parsed, patched, text, names, values)) == expected


def test_a_condition_is_read_once() -> None:
    patched: Any = ConditionExpressionParser.parse
    parsed(patched, "#a = :one AND #b = :two", NAMES, VALUES[0])
    with patch.object(ConditionExpressionParser, "_lex_one_node", side_effect=AssertionError("it is read again")):
        again = parsed(patched, "#a = :one AND #b = :two", NAMES, VALUES[1])
    assert again == parsed(patched.__wrapped__, "#a = :one AND #b = :two", NAMES, VALUES[1])


@contextmanager
def without_patches() -> Iterator[None]:
    """moto parses, copies and changes the syntax trees of updates by itself."""
    make: Any = UpdateExpressionParser.make
    traverse: Any = DepthFirstTraverser.traverse_node_recursively
    find_clauses: Any = Node.find_clauses
    count_actions: Any = ActionCountValidator.traverse
    find_overlaps: Any = OverlappingPathsValidator.traverse
    nodes: Any = Node
    with (
        patch.object(UpdateExpressionParser, "make", staticmethod(make.__wrapped__)),
        patch.object(DepthFirstTraverser, "traverse_node_recursively", traverse.__wrapped__),
        patch.object(Node, "find_clauses", find_clauses.__wrapped__),
        patch.object(ActionCountValidator, "traverse", count_actions.__wrapped__),
        patch.object(OverlappingPathsValidator, "traverse", find_overlaps.__wrapped__),
        patch.object(Node, "__deepcopy__"),
    ):
        del nodes.__deepcopy__
        yield


@pytest.mark.parametrize("text", UPDATES)
def test_an_update_has_the_effect_that_it_has_without_the_patch(engine: Engine, text: str) -> None:
    def updated() -> object:
        client: Any = engine.dynamodb()
        client.put_item(TableName=CATALOG, Item=UPDATED)
        all_: dict[str, dict[str, Any]] = {
            "ExpressionAttributeNames": UPDATE_NAMES,
            "ExpressionAttributeValues": UPDATE_VALUES,
        }
        used = {kind: {name: found[name] for name in found if name in text} for kind, found in all_.items()}
        more = {kind: found for kind, found in used.items() if found}
        try:
            client.update_item(TableName=CATALOG, Key=new_row("p"), UpdateExpression=text, **more)
        except ClientError as error:
            return error.response["Error"]
        return client.get_item(TableName=CATALOG, Key=new_row("p"))["Item"]

    with without_patches():
        expected = updated()
    assert [updated(), updated()] == [expected, expected]


def test_the_copy_of_a_syntax_tree_is_complete_and_independent() -> None:
    def shape(node: Any) -> object:
        if not isinstance(node, Node):
            return node
        children: list[Any] = node.children or []
        assert all(child.parent is node for child in children if isinstance(child, Node))
        return type(node), node.type, [shape(child) for child in children]

    def nodes(node: Any) -> set[int]:
        below = [nodes(child) for child in node.children or () if isinstance(child, Node)]
        return {id(node)}.union(*below)

    tree: Any = UpdateExpressionParser.make("SET #a = if_not_exists(#a, :one), m.x[3] = :two REMOVE b, c ADD d :one")
    duplicate = copy.deepcopy(tree)
    assert shape(duplicate) == shape(tree)
    assert duplicate.parent is None
    assert nodes(duplicate).isdisjoint(nodes(tree))
