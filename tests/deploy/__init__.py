"""Tests of the packaged template and the zip file."""
