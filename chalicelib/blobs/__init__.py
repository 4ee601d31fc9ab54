"""The files of objects: reads and checks what clients send, stores it in S3, and removes what is unreferenced."""
