"""JMESPath expressions (https://jmespath.org/specification.html) with a limit on their work.

JMESPath has no loops, but a short expression can still be expensive: `[@, @][]` doubles a list, so thirty of them in a
pipe make a billion elements, `join` repeats a long separator, and `to_string` writes a value once for each reference to
it. Therefore each step of an evaluation is counted, before large results are made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import jmespath
from jmespath.ast import literal
from jmespath.exceptions import JMESPathError, JMESPathTypeError
from jmespath.functions import Functions
from jmespath.visitor import Options, TreeInterpreter

from chalicelib.adapters.payload_values import Steps

MAX_EXPRESSION_CHARS = 500
# Each level of an expression takes several frames of the stack.
MAX_EXPRESSION_DEPTH = 40
# So many characters of a text count as a step.
CHARS_PER_STEP = 100

# Functions that do not look at the members of their arguments.
_CONSTANT_TIME = frozenset({"length", "not_null", "to_array", "to_number", "type"})
# Functions that also look at the members of members.
_DEEP = frozenset({"contains", "to_string"})

Node = Mapping[str, Any]


class ExpressionInvalid(Exception):
    """The text is not a JMESPath expression, or exceeds a limit. The message says why."""


class EvaluationFailed(Exception):
    """The expression does not accept the payload. The message says why and contains no values."""


@lru_cache(maxsize=256)
def compiled(expression: str) -> Any:
    """Returns a parsed expression. Raises ExpressionInvalid."""
    if len(expression) > MAX_EXPRESSION_CHARS:
        raise ExpressionInvalid(f"A JMESPath expression has at most {MAX_EXPRESSION_CHARS} characters")
    try:
        parsed = jmespath.compile(expression)
    except JMESPathError as error:
        raise ExpressionInvalid(f"Not a JMESPath expression: {_first_line(error)}") from error
    except (RecursionError, ValueError) as error:  # ValueError: an integer with too many digits for Python
        raise ExpressionInvalid("The JMESPath expression is too complex") from error
    _check_nodes(parsed.parsed)
    return parsed


def evaluate(expression: str, payload: Any, steps: Steps) -> Any:
    """Returns the value of an expression for a payload; None if there is none. Its parts may be shared and not JSON.

    Raises ExpressionInvalid, EvaluationFailed and TooManySteps.
    """
    parsed = compiled(expression)
    try:
        return _Interpreter(steps).visit(parsed.parsed, payload)
    except JMESPathTypeError as error:
        message = f"the function {error.function_name}() does not accept a value of type {error.actual_type}"
        raise EvaluationFailed(message) from error
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        # The functions and operators of the library raise Python's errors for values that they do not expect.
        raise EvaluationFailed("it does not accept the values in the payload") from error


class _Interpreter(TreeInterpreter):  # type: ignore[misc]  # the library has no type annotations
    """Evaluates an expression and counts a step for each node and for each element of a new list."""

    def __init__(self, steps: Steps) -> None:
        super().__init__(Options(custom_functions=_Functions(steps)))
        self._steps = steps

    def visit(self, node: Node, value: Any) -> Any:
        self._steps.take(1)
        return super().visit(node, value)

    def visit_flatten(self, node: Node, value: Any) -> Any:
        base = self.visit(node["children"][0], value)
        if isinstance(base, list):
            self._steps.take(sum(len(item) if isinstance(item, list) else 1 for item in base))
        return super().visit_flatten({"children": [literal(base)]}, value)

    def visit_slice(self, node: Node, value: Any) -> Any:
        self._steps.take(len(value) if isinstance(value, list) else 1)
        return super().visit_slice(node, value)

    def visit_comparator(self, node: Node, value: Any) -> Any:
        sides = [self.visit(child, value) for child in node["children"]]
        for side in sides:
            _take_deep(side, self._steps)
        return super().visit_comparator({**node, "children": [literal(side) for side in sides]}, value)


class _Functions(Functions):  # type: ignore[misc]  # the library has no type annotations
    """The functions of JMESPath. They count their steps before they begin."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps

    def call_function(self, function_name: str, resolved_args: Sequence[Any]) -> Any:
        if function_name not in _CONSTANT_TIME:
            for argument in resolved_args:
                _take(argument, self._steps, deep=function_name in _DEEP)
        if function_name == "join":
            self._take_separators(*resolved_args)
        return super().call_function(function_name, resolved_args)

    def _take_separators(self, separator: Any, texts: Any) -> None:
        if isinstance(separator, str) and isinstance(texts, list):
            self._steps.take(len(separator) * len(texts) // CHARS_PER_STEP)


def _take(value: Any, steps: Steps, *, deep: bool) -> None:
    """Takes steps for a value and its elements or, if `deep`, for all of its parts."""
    if deep:
        _take_deep(value, steps)
    elif isinstance(value, list):
        steps.take(len(value))
        steps.take(sum(len(item) // CHARS_PER_STEP for item in value if isinstance(item, str)))
    elif isinstance(value, dict):
        steps.take(len(value))
    elif isinstance(value, str):
        steps.take(len(value) // CHARS_PER_STEP)


def _take_deep(value: Any, steps: Steps) -> None:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            steps.take(len(item) // CHARS_PER_STEP)
        elif isinstance(item, dict | list):
            steps.take(len(item))
            waiting += item.values() if isinstance(item, dict) else item


def _first_line(error: JMESPathError) -> str:
    """Returns what is wrong with an expression. The other lines repeat the expression."""
    line = str(error).partition("\n")[0].removesuffix(", for expression:").rstrip(":")
    # The line quotes a part of the expression.
    return "".join(char if char.isprintable() else "?" for char in line)


def _check_nodes(root: Node) -> None:
    """Raises ExpressionInvalid if an expression is too deep or calls functions in a way that can never succeed.

    The library detects the latter only during evaluation.
    """
    level: list[Node] = [{"type": "expression", "children": [root]}]
    for _ in range(MAX_EXPRESSION_DEPTH + 1):
        level = [child for node in level for child in _checked_children(node)]
        if not level:
            return
    raise ExpressionInvalid(f"A JMESPath expression has at most {MAX_EXPRESSION_DEPTH} levels")


def _checked_children(node: Node) -> Iterator[Node]:
    children = list(_children(node))
    accepts_expressions = [False] * len(children)
    if node["type"] == "function_expression":
        accepts_expressions = _accepts_expressions(node["value"], len(children))
    for child, accepted in zip(children, accepts_expressions, strict=True):
        if child["type"] == "expref" and not accepted:
            raise ExpressionInvalid("& is only valid before an argument of map, max_by, min_by and sort_by")
    if node["type"] == "slice" and node["children"][2] == 0:
        raise ExpressionInvalid("The step of a slice must not be 0")
    return iter(children)


def _children(node: Node) -> Iterator[Node]:
    # The children of a slice are numbers.
    return (child for child in node.get("children", ()) if isinstance(child, dict))


def _accepts_expressions(name: str, count: int) -> list[bool]:
    """Returns for each argument of a function whether it is an expression. Raises ExpressionInvalid."""
    if name not in Functions.FUNCTION_TABLE:
        raise ExpressionInvalid(f"There is no function {name[:100]}()")
    signature = Functions.FUNCTION_TABLE[name]["signature"]
    variadic = bool(signature) and bool(signature[-1].get("variadic"))
    if count < len(signature) or (count > len(signature) and not variadic):
        least = "at least " if variadic else ""
        raise ExpressionInvalid(f"{name}() takes {least}{len(signature)} arguments, not {count}")
    accepted = ["expref" in argument["types"] for argument in signature]
    return accepted + [False] * (count - len(accepted))
