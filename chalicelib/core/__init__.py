"""What the whole service stands on: no AWS, no HTTP, and nothing of any resource."""
