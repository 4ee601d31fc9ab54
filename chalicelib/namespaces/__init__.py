"""Namespaces, and the namespace that the X-Namespace header names."""
