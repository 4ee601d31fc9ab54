"""The limits of every list."""

# The largest `offset` that a request may give.
MAX_QUERY_OFFSET = 10_000
# No list is longer than this. `page` may ask for a larger offset, which is cut to this one: the page is empty.
MAX_OFFSET = 1_000_000_000
# The most rows that are sorted by a field that no index orders.
MAX_SORTED_ROWS = 10_000
# A page ends at this size and its cursor continues. Lambda limits a response to 6 MB.
MAX_PAGE_BYTES = 4_000_000
# Without an index, the rows before an `offset` are known only at the end of the walk and are kept until then.
MAX_SKIPPED_BYTES = 50_000_000
