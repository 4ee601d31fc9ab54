"""The files of objects: reads and checks them in requests, stores them in S3, and removes unreferenced ones."""
