"""Generated stubs of the Blazen wire; their source is ``proto/blazen_nb/wire/blazen_peer_v1/peer.proto``."""
