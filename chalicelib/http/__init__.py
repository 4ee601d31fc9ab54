"""What one HTTP operation is, how a request is read, and how it is answered."""
