"""Filters of lists: the tree, its operators, and the values that the operators compare."""
