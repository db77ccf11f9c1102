"""What stands above a run: minimise, grow, the sources of an index, the machine."""
