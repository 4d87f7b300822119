"""What codes are for: features, and other uses of a pursuit."""
