"""Patches that make moto 5.2.5 parse each text of an expression once, and not for every request.

An expression refers to names (`#name`) and values (`:value`), so the same few texts come again and again with other
values. moto parses a condition of a transaction three times per request, and an update expression twice.

The results and the errors stay the same: a text that cannot be parsed, or that refers to a name or a value that the
request does not have, is left to moto. Measured as in `performance`, they save 40 % of the create of a namespace.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, wraps
from typing import Any

from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.parsing.ast_nodes import (  # type: ignore[attr-defined]
    DepthFirstTraverser,
    Expression,
    Node,
    UpdateExpressionFunction,
)
from moto.dynamodb.parsing.expressions import UpdateExpressionParser  # type: ignore[attr-defined]
from moto.dynamodb.parsing.validators import ActionCountValidator, OverlappingPathsValidator

# A client can send any number of different texts.
_MAX_TEXTS = 1000
# The longest expression that DynamoDB allows, in bytes.
_MAX_LENGTH = 4096


def install_expression_patches() -> None:
    """Patches moto in this process. Must be called only once."""
    conditions: Any = ConditionExpressionParser
    conditions.parse = _with_stored_conditions(conditions.parse)
    updates: Any = UpdateExpressionParser
    updates.make = staticmethod(_with_stored_updates(updates.make))
    nodes: Any = Node
    nodes.__deepcopy__ = _copy_node
    nodes.find_clauses = _with_stored_classes(nodes.find_clauses)
    traverser: Any = DepthFirstTraverser
    traverser.traverse_node_recursively = _with_less_type_checks(traverser.traverse_node_recursively)
    validators: tuple[Any, ...] = (ActionCountValidator, OverlappingPathsValidator)
    for validator in validators:
        validator.traverse = _of_entire_tree(validator.traverse)


class _Placeholders(dict[str, Any]):
    """Maps every placeholder to itself."""

    def __missing__(self, key: str) -> str:
        return key


@dataclass(frozen=True, slots=True)
class _Condition:
    """The syntax tree of a condition that contains placeholders, and what moto collects from it."""

    tree: Any
    literals: list[str]
    placeholders: list[str]


def _with_stored_conditions(original: Callable[[ConditionExpressionParser], Any]) -> Callable[..., Any]:
    """Inserts the names and values of a request into the stored syntax tree of its condition."""

    @lru_cache(_MAX_TEXTS)
    def stored(text: str) -> _Condition:
        parser: Any = ConditionExpressionParser(text, _Placeholders(), _Placeholders())
        trees: list[Any] = []
        parser._make_op_condition = trees.append  # the last step of `parse`, which needs the values
        original(parser)
        return _Condition(trees[0], parser.expr_attr_names_found, parser.expr_attr_values_found)

    @wraps(original)
    def parse(parser: Any) -> Any:
        text = parser.condition_expression
        if not text or not _can_be_stored(text):
            return original(parser)
        try:
            condition = stored(text)
            tree = _with_values(condition.tree, parser.expression_attribute_names, parser.expression_attribute_values)
        except Exception:  # whatever is wrong, moto finds it as well, and raises the error of its own
            return original(parser)
        parser.expr_attr_names_found.extend(condition.literals)
        parser.expr_attr_values_found.extend(condition.placeholders)
        return parser._make_op_condition(tree)

    return parse


def _with_values(node: Any, names: Any, values: Any) -> Any:
    """Returns the syntax tree with these names and values. Raises KeyError or TypeError if one is missing."""
    kinds = ConditionExpressionParser.Kind
    if node.kind == kinds.EXPRESSION_ATTRIBUTE_VALUE:
        return node._replace(value=values[node.text])
    if node.kind == kinds.LITERAL:
        return node._replace(value=names[node.text]) if node.text.startswith("#") else node
    return node._replace(children=[_with_values(child, names, values) for child in node.children])


def _with_stored_updates(original: Callable[[str], Node]) -> Callable[[str], Node]:
    """Returns the stored syntax tree of an update. moto copies the tree before it inserts values."""
    stored = lru_cache(_MAX_TEXTS)(original)

    @wraps(original)
    def make(text: str) -> Node:
        return stored(text) if _can_be_stored(text) else original(text)

    return make


def _can_be_stored(text: object) -> bool:
    """Whether the text is short enough. moto does not check the type or the length of an expression before this."""
    return isinstance(text, str) and len(text) <= _MAX_LENGTH


def _copy_node(node: Any, memo: dict[int, Any]) -> Any:
    """Returns a deep copy of a node of the syntax tree of an update, with the nodes above and below it.

    Without this method, `copy.deepcopy` takes five times as long, because it pickles the node.
    """
    duplicate = object.__new__(node.__class__)
    memo[id(node)] = duplicate
    duplicate.type = node.type
    duplicate.parent = copy.deepcopy(node.parent, memo)
    duplicate.children = copy.deepcopy(node.children, memo)
    return duplicate


def _with_less_type_checks(original: Callable[..., Any]) -> Callable[..., Any]:
    """Visits only the nodes of the syntax tree of an update, and decides once per class whether a visitor changes them.

    moto lists the classes that a visitor changes again for each of the values in the tree.
    """
    changes: dict[tuple[type, type], bool] = {}
    does_nothing = DepthFirstTraverser.pre_processing_of_child

    @wraps(original)
    def traverse(visitor: Any, node: Any, child_id: int = -1) -> Any:
        kind, visitor_kind = type(node), type(visitor)
        if not _IS_NODE[kind]:
            return node
        parent = node.parent
        has_hook = visitor_kind.pre_processing_of_child is not does_nothing
        for index, child in enumerate(node.children or ()):
            if has_hook:
                visitor.pre_processing_of_child(node, index)
            if _IS_NODE[type(child)]:
                traverse(visitor, child, index)
        classes = visitor_kind, kind
        if classes not in changes:
            changes[classes] = isinstance(node, visitor.nodes_to_be_processed())
        if not changes[classes]:
            return node
        changed = visitor.process(node)
        changed.parent = parent
        if parent:
            parent.children[child_id] = changed
        return changed

    return traverse


class _Nodes(dict[type, bool]):
    """Whether the objects of a class are nodes of a syntax tree. `isinstance` takes longer for an abstract class."""

    def __missing__(self, kind: type) -> bool:
        self[kind] = found = issubclass(kind, Node)
        return found


_IS_NODE = _Nodes()


def _of_entire_tree(original: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Checks the syntax tree of an update once, and not each of its subtrees, which have nothing that it has not.

    The subtrees are as many as the clauses and attributes of the update. If the check fails, moto finds the subtree
    whose error it raises. Saves 15 % of an update.
    """

    @wraps(original)
    def traverse(visitor: Any, root: Any) -> Any:
        try:
            visitor.process(root)
            return root
        except Exception:  # whatever is wrong, moto finds it as well, and raises the error of its own
            return original(visitor, root)

    return traverse


def _with_stored_classes(original: Callable[[Any, Any], list[Any]]) -> Callable[[Any, Any], list[Any]]:
    """Decides once per class whether its nodes can contain others.

    moto tests every node for two abstract classes, several times per update. Saves 8 % of an update.
    """
    contains: dict[type, bool] = {}

    @wraps(original)
    def find_clauses(node: Any, clause_types: Any) -> list[Any]:
        clauses: list[Any] = []
        for child in node.children or ():
            kind = type(child)
            if kind not in contains:
                contains[kind] = isinstance(child, (Expression, UpdateExpressionFunction))
            if kind in clause_types:
                clauses.append(child)
            elif contains[kind]:
                clauses.extend(find_clauses(child, clause_types))
        return clauses

    return find_clauses
