"""What every room stands on. Knows no noun of the product."""
