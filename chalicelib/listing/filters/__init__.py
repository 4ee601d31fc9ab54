"""Filters of lists: the tree, its operators, and the values that they compare."""
