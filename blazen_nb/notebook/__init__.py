"""What a notebook sees: the magic, the live view, the launcher. The only layer that knows IPython and widgets."""
