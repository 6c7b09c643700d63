"""The client side: a session with a peer, its runs. It never imports the peer side."""
