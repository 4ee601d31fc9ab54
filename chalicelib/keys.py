"""The keys of all rows of the catalog table.

The partition of a namespace includes the organization, because callers may choose namespace ids, and two organizations
may choose the same one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

RowKey = dict[str, str]

# Separates name and id in the sort key of the name index. It sorts before every character that a name may contain, so
# the index is ordered by name and then by id.
NAME_SEPARATOR = "\0"
MAX_SORT_KEY_BYTES = 1024  # a limit of DynamoDB
_ORGANIZATION = "ORG#"
_TASK = "TASK#"
_BUCKET = "BKT#"
_TALLY = "#TALLY"
_BATCHES = "BATCHES#"
_NAMESPACE = "NS#"
_BATCH = "BATCH#"
_CHUNK = "RUN#"
_DELIVERIES = "DELIVERIES#"
_DELIVERY = "DLV#"
_ADAPTER_STATE = "#STATE"
_CLOSED_WINDOW = "CLOSED#"
_JOINED = "JOINED#"
_UPLOADS = "UPLOADS#"
_UPLOAD = "UPL#"
_UPLOAD_USE = "USE#"


def organization(org: str) -> RowKey:
    """An organization."""
    return {"pk": f"ORG#{org}", "sk": "ORG"}


def organization_entry(org: str) -> RowKey:
    """The entry of an organization in the list of all organizations."""
    return {"pk": "ORGS", "sk": f"ORG#{org}"}


def api_key(digest: str) -> RowKey:
    """An API key. `digest` is the SHA-256 of its secret."""
    return {"pk": f"KEY#{digest}", "sk": "KEY"}


def api_key_pointer(org: str, key_id: str) -> RowKey:
    """The entry of an API key in the list of its organization's keys."""
    return {"pk": f"ORG#{org}", "sk": f"KEY#{key_id}"}


def api_keys_range() -> tuple[str, str]:
    """Returns bounds of the sort keys of an organization's API keys."""
    return _range("KEY#")


def namespace(org: str, ns: str) -> RowKey:
    """A namespace."""
    return {"pk": f"ORG#{org}", "sk": f"NS#{ns}"}


def namespaces_range() -> tuple[str, str]:
    """Returns bounds of the sort keys of an organization's namespaces."""
    return _range("NS#")


def namespace_name(org: str, name: str) -> RowKey:
    """The row that reserves the name of a namespace."""
    return {"pk": f"ORG#{org}", "sk": f"NSNAME#{name}"}


def task(org: str, task_id: str) -> RowKey:
    """A task."""
    return {"pk": f"{_ORGANIZATION}{org}", "sk": f"{_TASK}{task_id}"}


def tasks_range() -> tuple[str, str]:
    """Returns bounds of the sort keys of an organization's tasks."""
    return _range(_TASK)


def parse_task_key(pk: str, sk: str) -> tuple[str, str] | None:
    """Returns organization and task id from the key of a task, or None for the key of another row."""
    if not pk.startswith(_ORGANIZATION) or not sk.startswith(_TASK):
        return None
    return pk.removeprefix(_ORGANIZATION), sk.removeprefix(_TASK)


def partition(org: str, ns: str) -> str:
    """Returns the partition key of all rows of a namespace."""
    return f"NS#{org}.{ns}"


def parse_partition(partition: str) -> tuple[str, str] | None:
    """Returns organization and namespace from the partition key of a namespace, or None for another partition key."""
    organization, dot, namespace = partition.removeprefix(_NAMESPACE).partition(".")
    return (organization, namespace) if partition.startswith(_NAMESPACE) and dot else None


def totals(partition: str) -> RowKey:
    """The row with the number of buckets of a namespace."""
    return {"pk": partition, "sk": "#TOTALS"}


def namespace_tally(partition: str) -> RowKey:
    """The row with the statistics of a namespace, such as the number of objects and bytes."""
    return {"pk": partition, "sk": _TALLY}


def adapters(partition: str) -> RowKey:
    """The row with the revision of a namespace's adapter graph. Each write of source buckets increments it."""
    return {"pk": partition, "sk": "#ADAPTERS"}


def bucket(partition: str, bucket_id: str) -> RowKey:
    """A bucket. The row of its statistics is the next one in sort order."""
    return {"pk": partition, "sk": f"{_BUCKET}{bucket_id}"}


def bucket_settings(partition: str, bucket_id: str) -> RowKey:
    """The settings of a bucket that are too large for its row."""
    return {"pk": partition, "sk": f"SETTINGS#{bucket_id}"}


def parse_bucket_key(sk: str) -> str | None:
    """Returns the bucket id from the sort key of a bucket, or None for another sort key, also for its statistics."""
    return sk.removeprefix(_BUCKET) if sk.startswith(_BUCKET) and not sk.endswith(_TALLY) else None


def bucket_tally(partition: str, bucket_id: str) -> RowKey:
    """The row with the statistics of a bucket, such as the number of objects and bytes."""
    return {"pk": partition, "sk": f"{_BUCKET}{bucket_id}{_TALLY}"}


def is_tally_of(sk: str, bucket_id: str) -> bool:
    """Returns whether this is the sort key of the bucket's statistics."""
    return sk == f"{_BUCKET}{bucket_id}{_TALLY}"


def parse_bucket_tally_key(sk: str) -> str | None:
    """Returns the bucket id from the sort key of a bucket's statistics, or None for another sort key."""
    if sk.startswith(_BUCKET) and sk.endswith(_TALLY) and len(sk) > len(_BUCKET) + len(_TALLY):
        return sk[len(_BUCKET) : -len(_TALLY)]
    return None


def is_tally(sk: str) -> bool:
    """Returns whether this is the sort key of the statistics of a namespace or a bucket, or of a batch's progress."""
    return sk == _TALLY or (sk.endswith(_TALLY) and sk.startswith((_BUCKET, _BATCH)))


def buckets_range() -> tuple[str, str]:
    """Returns bounds of the sort keys of a namespace's buckets and their statistics."""
    return _range(_BUCKET)


def bucket_name(partition: str, name: str) -> RowKey:
    """The row that reserves the name of a bucket."""
    return {"pk": partition, "sk": f"NAME#{name}"}


def name_key(folded_name: str, bucket_id: str) -> str:
    """Returns the sort key of a bucket in the name index."""
    return f"{folded_name}{NAME_SEPARATOR}{bucket_id}"


def parse_name_key(name_key: str) -> tuple[str, str]:
    """Returns the folded name and the bucket id from a sort key of the name index."""
    folded_name, _, bucket_id = name_key.rpartition(NAME_SEPARATOR)
    return folded_name, bucket_id


def batches(partition: str, bucket_id: str) -> str:
    """Returns the partition key of all rows about the batches of a bucket. `partition` is that of its namespace."""
    return f"{_BATCHES}{partition.removeprefix(_NAMESPACE)}.{bucket_id}"


def parse_batches_partition(pk: str) -> tuple[str, str] | None:
    """Returns the namespace's partition and the bucket id from a partition key of batches, or None for another key."""
    return _parse_bucket_partition(pk, _BATCHES)


def batch_activity(batches: str) -> RowKey:
    """The row that counts the submitted batches of a bucket that have not ended."""
    return {"pk": batches, "sk": "#ACTIVITY"}


def batch(batches: str, batch_id: str) -> RowKey:
    """A batch. The row of its progress is the next one in sort order."""
    return {"pk": batches, "sk": f"{_BATCH}{batch_id}"}


def batch_tally(batches: str, batch_id: str) -> RowKey:
    """The row with the progress of a batch."""
    return {"pk": batches, "sk": f"{_BATCH}{batch_id}{_TALLY}"}


def parse_batch_key(sk: str) -> str | None:
    """Returns the batch id from the sort key of a batch, or None for another sort key, also for that of its progress.

    In the partition of an organization, the same sort keys are those of pointers to batches.
    """
    if not sk.startswith(_BATCH) or sk.endswith(_TALLY):
        return None
    return sk.removeprefix(_BATCH)


def batches_range() -> tuple[str, str]:
    """Returns bounds of the sort keys of a bucket's batches and their progress."""
    return _range(_BATCH)


def batch_pointer(org: str, batch_id: str) -> RowKey:
    """The row that says in which bucket a batch is."""
    return {"pk": f"{_ORGANIZATION}{org}", "sk": f"{_BATCH}{batch_id}"}


def active_batch(batches: str, batch_id: str) -> RowKey:
    """The row that exists while a batch is submitted and has not ended."""
    return {"pk": batches, "sk": f"ACTIVE#{batch_id}"}


def active_batches_range() -> tuple[str, str]:
    """Returns bounds of the sort keys of the rows of `active_batch`."""
    return _range("ACTIVE#")


def chunk_ids(batches: str, batch_id: str, chunk: int) -> RowKey:
    """The ids of up to 100 objects of a batch."""
    return {"pk": batches, "sk": f"IDS#{batch_id}#{chunk:04}"}


def chunk_ids_range(batch_id: str) -> tuple[str, str]:
    """Returns bounds of the sort keys of the ids of a batch."""
    return _range(f"IDS#{batch_id}#")


def chunk(batches: str, batch_id: str, chunk: int) -> RowKey:
    """The state of the objects in one row of ids."""
    return {"pk": batches, "sk": f"{_CHUNK}{batch_id}#{chunk:04}"}


def chunks_range(batch_id: str) -> tuple[str, str]:
    """Returns bounds of the sort keys of the states of a batch."""
    return _range(f"{_CHUNK}{batch_id}#")


def parse_chunk_key(sk: str) -> tuple[str, int] | None:
    """Returns batch id and chunk number from the sort key of a chunk's state, or None for another sort key."""
    if not sk.startswith(_CHUNK):
        return None
    batch_id, _, number = sk.removeprefix(_CHUNK).rpartition("#")
    return batch_id, int(number)


def item_failure(batches: str, batch_id: str, chunk: int, position: int) -> RowKey:
    """The failure of an object of a batch. `position` is its place in the chunk."""
    return {"pk": batches, "sk": f"ERR#{batch_id}#{chunk:04}#{position:02}"}


def item_failures_range(batch_id: str) -> tuple[str, str]:
    """Returns bounds of the sort keys of the failures of a batch, in the order of its objects."""
    return _range(f"ERR#{batch_id}#")


def parse_item_failure_key(sk: str) -> tuple[int, int]:
    """Returns the chunk number and the position of a failure from its sort key."""
    _, _, chunk, position = sk.split("#")
    return int(chunk), int(position)


def deliveries(partition: str, bucket_id: str) -> str:
    """Returns the partition key of the deliveries to a bucket. `partition` is that of its namespace."""
    return f"{_DELIVERIES}{partition.removeprefix(_NAMESPACE)}.{bucket_id}"


def deliveries_prefix() -> str:
    """Returns what the partition keys of the deliveries to all buckets start with."""
    return _DELIVERIES


def parse_deliveries_partition(pk: str) -> tuple[str, str] | None:
    """Returns the namespace's partition and the bucket id from a partition key of deliveries, or None for another."""
    return _parse_bucket_partition(pk, _DELIVERIES)


def delivery(deliveries: str, delivery_id: str) -> RowKey:
    """A delivery: a request that another system sent to the source adapter of a bucket."""
    return {"pk": deliveries, "sk": f"{_DELIVERY}{delivery_id}"}


def parse_delivery_key(sk: str) -> str | None:
    """Returns the delivery id from the sort key of a delivery, or None for another sort key."""
    return sk.removeprefix(_DELIVERY) if sk.startswith(_DELIVERY) else None


def _parse_bucket_partition(pk: str, prefix: str) -> tuple[str, str] | None:
    if not pk.startswith(prefix):
        return None
    namespace, _, bucket_id = pk.removeprefix(prefix).rpartition(".")
    return f"{_NAMESPACE}{namespace}", bucket_id


def delivery_body(deliveries: str, delivery_id: str, part: int) -> RowKey:
    """A part of the body of a delivery."""
    return {"pk": deliveries, "sk": f"BODY#{delivery_id}#{part}"}


def delivery_body_range(delivery_id: str) -> tuple[str, str]:
    """Returns bounds of the sort keys of the parts of a delivery's body."""
    return _range(f"BODY#{delivery_id}#")


def adapter_state(deliveries: str) -> RowKey:
    """The counters and the open window of a bucket's source adapter."""
    return {"pk": deliveries, "sk": _ADAPTER_STATE}


def is_adapter_state(sk: str) -> bool:
    """Returns whether this is the sort key of `adapter_state`."""
    return sk == _ADAPTER_STATE


def window_ids(deliveries: str, window_id: str, part: int) -> RowKey:
    """Ids of objects that deliveries have added to a window."""
    return {"pk": deliveries, "sk": f"WINDOW#{window_id}#{part:04}"}


def window_ids_range(window_id: str) -> tuple[str, str]:
    """Returns bounds of the sort keys of the ids in a window."""
    return _range(f"WINDOW#{window_id}#")


def closed_window(deliveries: str, window_id: str) -> RowKey:
    """A window that has been closed, and of which a batch is to be made."""
    return {"pk": deliveries, "sk": f"{_CLOSED_WINDOW}{window_id}"}


def parse_closed_window_key(sk: str) -> str | None:
    """Returns the window id from the sort key of `closed_window`, or None for another sort key."""
    return sk.removeprefix(_CLOSED_WINDOW) if sk.startswith(_CLOSED_WINDOW) else None


def joined_delivery(deliveries: str, delivery_id: str) -> RowKey:
    """The row that says which attempt to apply a delivery has joined a window. Only the embedded engine has it."""
    return {"pk": deliveries, "sk": f"{_JOINED}{delivery_id}"}


def webhook_endpoint(bucket_id: str) -> RowKey:
    """The row that says to which namespace the webhooks for a bucket belong, and how they are verified."""
    return {"pk": f"WEBHOOK#{bucket_id}", "sk": "WEBHOOK"}


def uploads(partition: str, bucket_id: str) -> str:
    """Returns the partition key of all rows about the uploads to a bucket. `partition` is that of its namespace."""
    return f"{_UPLOADS}{partition.removeprefix(_NAMESPACE)}.{bucket_id}"


def upload(uploads: str, upload_id: str) -> RowKey:
    """An upload."""
    return {"pk": uploads, "sk": f"{_UPLOAD}{upload_id}"}


def uploads_range() -> tuple[str, str]:
    """Returns bounds of the sort keys of the uploads to a bucket."""
    return _range(_UPLOAD)


def uploaded_content(uploads: str, sha256: str) -> RowKey:
    """The row that names the latest completed upload of a content to a bucket."""
    return {"pk": uploads, "sk": f"CONTENT#{sha256}"}


def upload_use(uploads: str, upload_id: str, object_id: str) -> RowKey:
    """The row that says that an object uses the file of an upload that has not made this object."""
    return {"pk": uploads, "sk": f"{_UPLOAD_USE}{upload_id}#{object_id}"}


def upload_uses_range(upload_id: str) -> tuple[str, str]:
    """Returns bounds of the sort keys of the uses of an upload's file."""
    return _range(f"{_UPLOAD_USE}{upload_id}#")


def upload_of_use(row: Mapping[str, Any]) -> str:
    """Returns the id of the upload whose file the row of a use names."""
    return str(row["sk"]).split("#")[1]


def upload_pointer(upload_id: str) -> RowKey:
    """The row that says to which bucket an upload belongs. S3 reports only the key of a file."""
    return {"pk": f"UPLOAD#{upload_id}", "sk": "UPLOAD"}


def _range(prefix: str) -> tuple[str, str]:
    """Returns bounds (both inclusive, as in BETWEEN) of the sort keys that start with the prefix."""
    return prefix, prefix[:-1] + chr(ord(prefix[-1]) + 1)
