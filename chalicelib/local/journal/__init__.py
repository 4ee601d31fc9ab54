"""Saves the data of the embedded engine to the disk."""
