"""Checks and completes the source adapter of a bucket, which needs the bucket's id and the adapters of others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from chalicelib.buckets.errors import AdapterCycle
from chalicelib.core.errors import invalid
from chalicelib.core.record import record

if TYPE_CHECKING:
    from chalicelib.adapters.models import SourceAdapterConfig
    from chalicelib.aws.vault import Vault
    from chalicelib.buckets.sources import Sources

ADAPTER = ("body", "source_adapter")


@record
class AdapterOptions:
    """The options that the source adapters of all buckets share.

    `public_url` is the configured base URL of the API, or empty. `new_secret` generates a webhook secret. `vault`
    encrypts secrets.
    """

    public_url: str
    new_secret: Callable[[], str]
    vault: Vault

    def for_bucket(self, bucket_id: str, sources: Sources, origin: str) -> AdapterBuilder:
        """Returns the builder for one bucket. `origin` is the base URL of the request, used if none is configured."""
        return AdapterBuilder(bucket_id, sources, self.public_url or origin, self)

    def sealed(self, bucket_id: str, adapter: dict[str, Any], previous: dict[str, Any] | None) -> dict[str, Any]:
        """Returns an adapter of a bucket with encrypted secrets, see `adapters.sealing`. Raises Unavailable."""
        from chalicelib.adapters.sealing import sealed_adapter

        return sealed_adapter(adapter, previous, partial(self._protect, bucket_id))

    def webhook_secret(self, bucket_id: str, adapter: Mapping[str, Any]) -> str | None:
        """Returns the webhook secret of a stored adapter, or None if it has none. Raises Unavailable."""
        stored = adapter.get("webhook_secret")
        return self.vault.reveal(stored, bucket_id) if stored is not None else None

    def _protect(self, bucket_id: str, text: str, *, stored: str | None = None) -> str:
        return self.vault.protect(text, bucket_id, stored=stored)


@record
class AdapterBuilder:
    """Builds the source adapter of one bucket."""

    bucket_id: str
    sources: Sources
    public_url: str
    options: AdapterOptions

    def build(
        self, config: SourceAdapterConfig, previous: dict[str, Any] | None, schema: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Returns the adapter as it is stored: checked, with defaults, URL and secret filled in.

        `previous` is the currently stored adapter. Raises RequestInvalid, NotEnabled, AdapterCycle and Unavailable.
        """
        from chalicelib.adapters.rules import check_adapter, stored_adapter, webhook_url

        check_adapter(config, schema)
        self._check_sources(config)
        url = webhook_url(self.public_url, config.adapter_type, self.bucket_id)
        adapter = stored_adapter(config, previous, new_secret=self.options.new_secret, webhook_url=url)
        return self.options.sealed(self.bucket_id, adapter, previous)

    def _check_sources(self, config: SourceAdapterConfig) -> None:
        from chalicelib.adapters.graph import find_cycle

        ids, sources = config.source_bucket_ids or [], self.sources
        for index, id_ in enumerate(ids):
            if id_ != self.bucket_id and not sources.exists_for_caller(id_):
                raise invalid(*ADAPTER, "source_bucket_ids", index, message=f"No bucket {id_!r} in this namespace")
        cycle = find_cycle(self.bucket_id, lambda id_: ids if id_ == self.bucket_id else sources.of(id_))
        if cycle is not None:
            raise AdapterCycle([id_ for id_ in cycle if id_ == self.bucket_id or sources.can_see(id_)])
