"""Outbound events, which tell other systems of a change after it was committed."""
