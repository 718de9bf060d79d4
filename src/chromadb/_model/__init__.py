"""Values: operations, records, filters, results, configuration. No I/O, no clock, no threads."""
