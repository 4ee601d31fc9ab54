"""Namespaces, and the X-Namespace header."""
