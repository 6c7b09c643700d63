"""Values in bulk to a peer and back, on one of the ways that they can take."""

from __future__ import annotations

import numpy as np
from measure import Sample, bulk_rate
from payload import ARRAY_BYTES

from blazen_nb import PeerClient


def put(address: str, way: str) -> Sample:
    """GB/s of an array to the peer."""
    with _client_on(address, way) as client:
        array = np.arange(ARRAY_BYTES // 8)
        return bulk_rate(lambda: client.put(array), ARRAY_BYTES)


def fetch(address: str, way: str) -> Sample:
    """GB/s of an array from the peer."""
    with _client_on(address, way) as client:
        array = np.arange(ARRAY_BYTES // 8)
        ref = client.put(array)
        assert (ref.fetch() == array).all()
        return bulk_rate(ref.fetch, ARRAY_BYTES)


def _client_on(address: str, way: str) -> PeerClient:
    """A client whose values go this way, and no other one where it works."""
    client = PeerClient.connect(address)
    client._link.refs.sockets.ways = (way,)
    return client
