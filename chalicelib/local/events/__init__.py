"""Replaces Lambda's event sources: the streams, the task queue, and the thread that delivers their events."""
