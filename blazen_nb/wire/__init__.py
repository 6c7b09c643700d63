"""What crosses the network and how: messages, framing, status codes, tokens; it knows nothing of runs or steps."""
