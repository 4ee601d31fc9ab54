"""Files of objects: how they are given, checked, stored in S3 and removed."""
