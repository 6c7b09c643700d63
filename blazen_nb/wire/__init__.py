"""What crosses the network and how: messages, framing, status codes, tokens, TLS; it knows nothing of runs or steps."""
