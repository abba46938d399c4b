"""Programs that build, check and set up this repository."""
