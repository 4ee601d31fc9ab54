"""Copies the files at URLs of objects to the own storage, in the background."""
