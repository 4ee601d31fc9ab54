"""The keys of all rows of the catalog table.

The partition of a namespace includes the organization, because callers may choose namespace ids, and two organizations
may choose the same one.
"""

from __future__ import annotations

RowKey = dict[str, str]

# Separates name and id in the sort key of the name index. It sorts before every character that a name may contain, so
# the index is ordered by name and then by id.
NAME_SEPARATOR = "\0"
MAX_SORT_KEY_BYTES = 1024  # a limit of DynamoDB
_ORGANIZATION = "ORG#"
_TASK = "TASK#"
_BUCKET = "BKT#"
_TALLY = "#TALLY"


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


def _range(prefix: str) -> tuple[str, str]:
    """Returns bounds (both inclusive, as in BETWEEN) of the sort keys that start with the prefix."""
    return prefix, prefix[:-1] + chr(ord(prefix[-1]) + 1)
