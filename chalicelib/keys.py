"""The key of every row of the catalog, made here and nowhere else. All are strings.

A namespace's rows live in a partition that names its organization too: callers may choose the id of a
namespace, and two organizations may choose the same one.
"""

from __future__ import annotations

RowKey = dict[str, str]

# Stands between a name and an id in the sort key of the name index. No name holds it, and it sorts before
# all that a name can hold, so the index has the very order that comparing names and then ids gives.
NAME_SEPARATOR = "\0"
MAX_SORT_KEY_BYTES = 1024
_ORGANIZATION = "ORG#"
_TASK = "TASK#"
_BUCKET = "BKT#"
_TALLY = "#TALLY"


def organization(org: str) -> RowKey:
    """An organization."""
    return {"pk": f"ORG#{org}", "sk": "ORG"}


def organization_entry(org: str) -> RowKey:
    """An organization among all of them."""
    return {"pk": "ORGS", "sk": f"ORG#{org}"}


def api_key(digest: str) -> RowKey:
    """An API key, by the SHA-256 of its secret."""
    return {"pk": f"KEY#{digest}", "sk": "KEY"}


def api_key_pointer(org: str, key_id: str) -> RowKey:
    """An API key among its organization's."""
    return {"pk": f"ORG#{org}", "sk": f"KEY#{key_id}"}


def api_keys_range() -> tuple[str, str]:
    """Where the keys of an organization lie: first and last sort key."""
    return _range("KEY#")


def namespace(org: str, ns: str) -> RowKey:
    """A namespace."""
    return {"pk": f"ORG#{org}", "sk": f"NS#{ns}"}


def namespaces_range() -> tuple[str, str]:
    """Where the namespaces of an organization lie: first and last sort key."""
    return _range("NS#")


def namespace_name(org: str, name: str) -> RowKey:
    """The claim of a namespace on its name."""
    return {"pk": f"ORG#{org}", "sk": f"NSNAME#{name}"}


def task(org: str, task_id: str) -> RowKey:
    """A task."""
    return {"pk": f"{_ORGANIZATION}{org}", "sk": f"{_TASK}{task_id}"}


def tasks_range() -> tuple[str, str]:
    """Where the tasks of an organization lie: first and last sort key."""
    return _range(_TASK)


def parse_task_key(pk: str, sk: str) -> tuple[str, str] | None:
    """The organization and the id of the task whose row has this key, if a task's row has."""
    if not pk.startswith(_ORGANIZATION) or not sk.startswith(_TASK):
        return None
    return pk.removeprefix(_ORGANIZATION), sk.removeprefix(_TASK)


def partition(org: str, ns: str) -> str:
    """The partition of everything in a namespace."""
    return f"NS#{org}.{ns}"


def totals(partition: str) -> RowKey:
    """How many buckets a namespace has."""
    return {"pk": partition, "sk": "#TOTALS"}


def namespace_tally(partition: str) -> RowKey:
    """How many objects and bytes a namespace has."""
    return {"pk": partition, "sk": _TALLY}


def adapters(partition: str) -> RowKey:
    """How often adapters that name source buckets were stored in a namespace."""
    return {"pk": partition, "sk": "#ADAPTERS"}


def bucket(partition: str, bucket_id: str) -> RowKey:
    """A bucket; its tally sorts right behind it."""
    return {"pk": partition, "sk": f"{_BUCKET}{bucket_id}"}


def bucket_tally(partition: str, bucket_id: str) -> RowKey:
    """How many objects and bytes a bucket has."""
    return {"pk": partition, "sk": f"{_BUCKET}{bucket_id}{_TALLY}"}


def is_tally_of(sk: str, bucket_id: str) -> bool:
    """Whether this sort key is of the bucket's tally."""
    return sk == f"{_BUCKET}{bucket_id}{_TALLY}"


def parse_bucket_tally_key(sk: str) -> str | None:
    """The bucket whose tally has this sort key, if one has."""
    if sk.startswith(_BUCKET) and sk.endswith(_TALLY) and len(sk) > len(_BUCKET) + len(_TALLY):
        return sk[len(_BUCKET) : -len(_TALLY)]
    return None


def buckets_range() -> tuple[str, str]:
    """Where the buckets of a namespace and their tallies lie: first and last sort key."""
    return _range(_BUCKET)


def bucket_name(partition: str, name: str) -> RowKey:
    """The claim of a bucket on its name."""
    return {"pk": partition, "sk": f"NAME#{name}"}


def name_key(folded_name: str, bucket_id: str) -> str:
    """The place of a bucket among the names of its namespace; equal names go by id."""
    return f"{folded_name}{NAME_SEPARATOR}{bucket_id}"


def parse_name_key(name_key: str) -> tuple[str, str]:
    """The folded name and the bucket's id in such a place."""
    folded_name, _, bucket_id = name_key.rpartition(NAME_SEPARATOR)
    return folded_name, bucket_id


def _range(prefix: str) -> tuple[str, str]:
    """Every sort key that starts with the prefix and goes on."""
    return prefix, prefix[:-1] + chr(ord(prefix[-1]) + 1)
