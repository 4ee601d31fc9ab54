"""Requests to URLs that clients of the API choose, and the signatures of webhooks."""
