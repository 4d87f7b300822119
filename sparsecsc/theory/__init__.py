"""What the theory of sparse models speaks of, measured: sparsity, coherence, bounds."""
