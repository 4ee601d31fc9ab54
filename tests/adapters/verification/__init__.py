"""Tests of the verification of webhook signatures."""
