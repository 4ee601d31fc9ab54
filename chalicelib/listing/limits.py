"""The limits of every list."""

# The maximum `offset` that a request may give.
MAX_QUERY_OFFSET = 10_000
# `page` and `limit` together may ask for a larger offset. It is reduced to this one, which is beyond the end of any
# list, so the page is empty.
MAX_OFFSET = 1_000_000_000
# The maximum number of rows that are sorted without an index.
MAX_SORTED_ROWS = 10_000
# A page that reaches this size ends early, with a cursor. Lambda limits a response to 6 MB, as a JSON string.
MAX_PAGE_BYTES = 5_500_000
# The maximum size of the rows before an `offset`. Without an index, they are kept in memory until all rows are read.
MAX_SKIPPED_BYTES = 50_000_000
