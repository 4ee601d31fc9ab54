"""AWS clients, retries, and the measurement of consumed capacity."""
