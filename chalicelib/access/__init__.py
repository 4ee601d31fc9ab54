"""Organizations, API keys and permissions."""
