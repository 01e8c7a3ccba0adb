"""Composes Attune's starter library: theory, melody, patterns, instruments, drums and mixing."""
