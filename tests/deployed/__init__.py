"""The packaged stack, deployed on an emulator of AWS with `make test-deploy`, and called there."""
