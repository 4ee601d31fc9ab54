"""The operator's command line, one file for each kind of thing; imported by `chalicelib.admin` alone."""
