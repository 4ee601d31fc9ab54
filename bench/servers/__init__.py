"""`make bench-peers`: the local server beside Kinto and PocketBase, which also store JSON documents in collections.

Each server runs on this machine with its own storage: the local server with the embedded engine, which writes a journal
to the disk, Kinto with its memory backend, and PocketBase with SQLite.
"""
