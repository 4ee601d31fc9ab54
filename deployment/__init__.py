"""`make deploy` and `make destroy`: one CloudFormation stack for each stage. Never packaged."""
