"""Codecs by type tag: how values of one library become bytes and come back, with no pickle.

A codec's module loads neither NumPy nor any other library: that happens when a value of it turns up, or its tag.
"""
