"""Jobs around runs: minimise, grow, the sources of an index, the machine."""
