"""The documentation: its code blocks run, its links resolve, and its tables agree with the code."""
