"""What a call costs, as ratios to bare boto3 handlers that make the same calls."""
