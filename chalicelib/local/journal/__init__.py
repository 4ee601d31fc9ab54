"""What the embedded engine keeps on disk."""
