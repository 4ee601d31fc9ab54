"""Uploads: files that clients store in S3 with presigned URLs, and that become objects."""
