"""The table of faults, for this project and its peers."""
