"""Code that every other package uses. It knows nothing of AWS, HTTP or any resource of the API."""
