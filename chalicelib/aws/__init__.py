"""Clients of AWS, their retries, and what they consume."""
