"""Library, audio affect, choosing, learning, player."""
