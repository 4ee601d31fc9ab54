"""What moto does for every call, every row and every value, done with less ado.

* In every value that it answers it looks for each of the ten types. Here texts, numbers, truths and nulls are
  written as they stand: a third of the time of a read. It also asks seven questions of a value before it takes
  a text for a text, when it compares and when it measures, and that it does a hundred times for each row.
* With every attribute of a new row it measures all those before it. Here a new row is measured once.
* It takes every condition apart anew. Here it does so once for each text.
* For every call it looks through all members of a class for the names of its methods, asks dozens of services
  whether the call is theirs, and searches the whole answer for a place for the id of the request, which it also
  finds in rows with text of that form. Here it does the first once, asks the three that we use first, and looks
  only into XML.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import cache, lru_cache, wraps
from typing import Any

from moto import backend_index
from moto.core import responses
from moto.core.responses import BaseResponse
from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.exceptions import ItemSizeTooLarge
from moto.dynamodb.models.dynamo_type import DynamoType, Item

_FLAT = {"S": str, "N": str, "BOOL": bool, "NULL": bool}
# What moto lets a row have.
MAX_ITEM_BYTES = 405_000
_OURS = ("dynamodb", "s3", "sqs")


def install_performance_patches() -> None:
    """Mends moto for this process. To be called once."""
    values: Any = DynamoType
    values.cast_value = property(_text_first(values.cast_value.fget))
    values.size = _ascii_first(values.size)
    row: Any = Item
    row.__init__ = _measured_once(row.__init__)
    serializer: Any = BaseJSONSerializer
    serializer._serialize_type_structure = _as_it_stands(serializer._serialize_type_structure)
    conditions: Any = ConditionExpressionParser
    conditions._lex_condition_expression = _once(conditions._lex_condition_expression)
    calls: Any = BaseResponse
    calls._enrich_response = staticmethod(_where_it_has_a_place(calls._enrich_response))
    action_names: Any = responses
    action_names.method_names_from_class = cache(action_names.method_names_from_class)
    backend_index.backend_url_patterns.sort(key=lambda known: known[0] not in _OURS)


def _measured_once(original: Callable[..., None]) -> Callable[..., None]:
    @wraps(original)
    def make(row: Item, hash_key: DynamoType, range_key: DynamoType | None, attrs: dict[str, Any]) -> None:
        original(row, hash_key, range_key, {})
        dict.update(row.attrs, {name: DynamoType(value) for name, value in attrs.items()})
        if row.size() > MAX_ITEM_BYTES:
            raise ItemSizeTooLarge

    return make


def _once(original: Callable[..., deque[Any]]) -> Callable[..., deque[Any]]:
    @lru_cache(1024)
    def taken_apart(expression: str) -> tuple[Any, ...]:
        return tuple(original(ConditionExpressionParser(expression, None, None)))

    @wraps(original)
    def lex(parser: ConditionExpressionParser) -> deque[Any]:
        return deque(taken_apart(parser.condition_expression or ""))

    return lex


def _where_it_has_a_place(original: Callable[..., tuple[Any, Any]]) -> Callable[..., tuple[Any, Any]]:
    @wraps(original)
    def enrich(headers: dict[str, str], body: Any) -> tuple[Any, Any]:
        # What stands in a JSON text is somebody's data, whatever it looks like.
        if isinstance(body, str) and not body.lstrip().startswith("<"):
            return original(headers, "")[0], body
        return original(headers, body)

    return enrich


def _as_it_stands(original: Callable[..., None]) -> Callable[..., None]:
    @wraps(original)
    def serialize(serializer: Any, serialized: dict[str, Any], value: Any, shape: Any, key: str) -> None:
        if key and shape.name == "AttributeValue" and _is_flat(value):
            serialized[key] = value
        else:
            original(serializer, serialized, value, shape, key)

    return serialize


def _is_flat(value: Any) -> bool:
    if type(value) is not dict or len(value) != 1:
        return False
    ((kind, held),) = value.items()
    return kind in _FLAT and type(held) is _FLAT[kind]


def _text_first(original: Callable[[DynamoType], Any]) -> Callable[[DynamoType], Any]:
    @wraps(original)
    def cast_value(value: DynamoType) -> Any:
        return value.value if value.type == "S" else original(value)

    return cast_value


def _ascii_first(original: Callable[[DynamoType], int]) -> Callable[[DynamoType], int]:
    @wraps(original)
    def size(value: DynamoType) -> int:
        return len(value.value) if value.type == "S" and value.value.isascii() else original(value)

    return size
