"""Lists of any resource: query, sorting, search, pages and cursors."""
