"""What the HTTP runners share: addresses, headers, failures, what servers can do. No I/O."""
