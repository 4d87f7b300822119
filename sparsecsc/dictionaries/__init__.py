"""Linear maps between codes and signals."""
