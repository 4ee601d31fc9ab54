"""Verifies the signatures of webhooks, and responds to the handshakes of their senders. Pure functions.

docs/reference/webhook-signatures.md describes the accepted forms of signatures.
"""
