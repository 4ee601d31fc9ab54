"""The operator's command line, with one file per resource: `python -m chalicelib.admin --help`."""
