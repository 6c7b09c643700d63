"""What crosses between notebook and peer: code as source, values as JSON with leaves, failures as data."""
