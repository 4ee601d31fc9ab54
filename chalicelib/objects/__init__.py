"""The objects of a bucket: create, read, update, delete and list."""
