"""The server side: sessions, runs, executors, output capture. It never imports the client side."""
