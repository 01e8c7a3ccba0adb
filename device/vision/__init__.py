"""Pixels live and die here: cameras, detection, alignment, inference, tracking."""
