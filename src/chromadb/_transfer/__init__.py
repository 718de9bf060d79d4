"""Moving data between places: what is read by one runner is written by another."""
