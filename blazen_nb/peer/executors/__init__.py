"""Where the attempts of a peer's runs execute; a file for each kind of place."""
