"""The operations of the official SDK, and the models that they send and receive, by introspection."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, get_args

from mixpeek.api.batches_api import BatchesApi
from mixpeek.api.bucket_batches_api import BucketBatchesApi
from mixpeek.api.bucket_objects_api import BucketObjectsApi
from mixpeek.api.bucket_uploads_api import BucketUploadsApi
from mixpeek.api.buckets_api import BucketsApi
from mixpeek.api.byo_documents_api import BYODocumentsApi
from mixpeek.api.health_api import HealthApi
from mixpeek.api.namespaces_api import NamespacesApi
from mixpeek.api.tasks_api import TasksApi
from pydantic import BaseModel

Method = Callable[..., Any]
API_CLASSES = (
    TasksApi,
    BucketsApi,
    BucketObjectsApi,
    BucketUploadsApi,
    BucketBatchesApi,
    BatchesApi,
    NamespacesApi,
    HealthApi,
)
# The parameter of a method that is a body without a model.
FREE_BODY = "request_body"
# Suffixes of variants of each method, which have the same arguments.
VARIANTS = ("_with_http_info", "_without_preload_content")


def methods() -> dict[str, Method]:
    """Returns the operations of API_CLASSES, and the operation on namespaces that is in another class of the SDK."""
    found = {name: method for api in API_CLASSES for name, method in vars(api).items() if inspect.isfunction(method)}
    own = {name: m for name, m in found.items() if name[0] != "_" and not name.endswith(VARIANTS)}
    return {**own, "create_standalone_namespace": BYODocumentsApi.create_standalone_namespace}


def bodies(method: Method) -> list[type[BaseModel]]:
    """Returns the models that a method sends."""
    return [model for annotation in _arguments(method).values() for model in models_in(annotation)]


def query_parameters(method: Method) -> list[str]:
    """Returns the names of the query parameters of a method."""
    signature = inspect.signature(method)
    return [
        name
        for name, annotation in _arguments(method).items()
        if signature.parameters[name].default is None and not models_in(annotation) and name != FREE_BODY
    ]


def response_model(method: Method) -> type[BaseModel] | None:
    """Returns the model of the response of a method; None if it is any object."""
    found = models_in(inspect.signature(method, eval_str=True).return_annotation)
    return found[0] if found else None


def fields(model: type[BaseModel]) -> dict[str, Any]:
    """Returns the types of the fields of a model, by their names in JSON."""
    return {
        field.alias or name: field.annotation
        for name, field in model.model_fields.items()
        if name != "additional_properties"
    }


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """Returns the models in an annotation."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models_in(part)]


def inside(
    model: type[BaseModel], enters: Callable[[str, str], bool] = lambda _, __: True
) -> Iterator[type[BaseModel]]:
    """Yields a model and all models in its fields, each once. `enters(model, field)` selects the fields.

    Models that only represent a choice between others do not appear in JSON, and are omitted.
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
