"""Tests of the packaged stack on an emulator of AWS: `make test-deploy`."""
