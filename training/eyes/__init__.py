"""Attune's own eye network: the faces that it learns from, its training and figures."""
