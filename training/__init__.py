"""Training of Attune's own models: data sets, crops, networks, evaluation, report."""
