"""Deliveries: the webhooks that other systems send to the source adapters of buckets."""
