"""Background tasks: what takes longer than a request, done in slices by a queue, and shown to whoever asks."""
