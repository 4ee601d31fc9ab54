"""Code that every other package uses. It does not depend on AWS, HTTP or any resource of the API."""
