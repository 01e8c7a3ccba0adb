"""Attune's own face detector: labels from a teacher, a small network, its training and figures."""
