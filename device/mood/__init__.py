"""Pure: readings become the mood of the room."""
