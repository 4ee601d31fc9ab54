"""The commands of `make deploy` and `make destroy`, without CloudFormation."""
