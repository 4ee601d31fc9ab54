"""The official SDK's own account of itself: its operations, and every model that they send or receive."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, get_args

from mixpeek.api.bucket_objects_api import BucketObjectsApi
from mixpeek.api.buckets_api import BucketsApi
from mixpeek.api.byo_documents_api import BYODocumentsApi
from mixpeek.api.health_api import HealthApi
from mixpeek.api.namespaces_api import NamespacesApi
from mixpeek.api.tasks_api import TasksApi
from pydantic import BaseModel

Method = Callable[..., Any]
ROOMS = (TasksApi, BucketsApi, BucketObjectsApi, NamespacesApi, HealthApi)
# Further ways to call each method, with the same arguments.
VARIANTS = ("_with_http_info", "_without_preload_content")


def methods() -> dict[str, Method]:
    """Every operation of the rooms that exist here, and the one on namespaces that the SDK keeps elsewhere."""
    found = {name: method for room in ROOMS for name, method in vars(room).items() if inspect.isfunction(method)}
    own = {name: m for name, m in found.items() if name[0] != "_" and not name.endswith(VARIANTS)}
    return {**own, "create_standalone_namespace": BYODocumentsApi.create_standalone_namespace}


def bodies(method: Method) -> list[type[BaseModel]]:
    """The models that a method sends."""
    return [model for annotation in _arguments(method).values() for model in models_in(annotation)]


def words(method: Method) -> list[str]:
    """The names that a method sends in the query string: what is neither a body nor part of the path."""
    signature = inspect.signature(method)
    return [
        name
        for name, annotation in _arguments(method).items()
        if signature.parameters[name].default is None and not models_in(annotation)
    ]


def answer(method: Method) -> type[BaseModel] | None:
    """The model that a method reads its answer into; None where it takes any object."""
    found = models_in(inspect.signature(method, eval_str=True).return_annotation)
    return found[0] if found else None


def fields(model: type[BaseModel]) -> dict[str, Any]:
    """The fields of a model by their names on the wire, and their types."""
    return {
        field.alias or name: field.annotation
        for name, field in model.model_fields.items()
        if name != "additional_properties"
    }


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models that an annotation is made of."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models_in(part)]


def inside(
    model: type[BaseModel], enters: Callable[[str, str], bool] = lambda _, __: True
) -> Iterator[type[BaseModel]]:
    """A model and all within it, each once; `enters(model, field)` says which fields are looked into.

    What only says that a value is one of several has no name on the wire, and is not among them.
    """
    seen: set[type[BaseModel]] = set()
    waiting = [model]
    while waiting:
        now = waiting.pop()
        if now in seen:
            continue
        seen.add(now)
        if "actual_instance" not in fields(now):
            yield now
        for field, annotation in fields(now).items():
            if enters(now.__name__, field):
                waiting += models_in(annotation)


def _arguments(method: Method) -> dict[str, Any]:
    parameters = inspect.signature(method, eval_str=True).parameters.values()
    return {each.name: each.annotation for each in parameters if each.name != "self" and each.name[0] != "_"}
