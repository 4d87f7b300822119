"""Functions of the codes with a proximal operator, one a file."""
