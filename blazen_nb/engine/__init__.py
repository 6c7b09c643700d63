"""Workflows inside one process: steps, the pure reducer, runs and their lanes. It knows no wire and no notebook."""
