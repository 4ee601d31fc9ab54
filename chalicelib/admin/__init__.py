"""The operator's command line, one file per resource: `python -m chalicelib.admin --help`."""
