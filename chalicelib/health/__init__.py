"""Health checks of the service and of its dependencies."""
