"""Multi-layer models: the dictionaries of all layers, and where each layer's pursuit starts."""
