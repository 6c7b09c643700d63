"""Runs that outlive the peer's process: what happens in them is kept in a journal before it counts."""
