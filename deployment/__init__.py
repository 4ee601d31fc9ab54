"""Implements `make deploy` and `make destroy`. Each stage is one CloudFormation stack."""
