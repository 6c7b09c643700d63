"""What a notebook sees: the magics, the live view, the launcher. The only layer that knows IPython and widgets."""
