"""Times what else people call for the same problems, in the same way and on the same machine."""
