"""chainbp side by side with PyTorch, JAX, HIPS autograd and micrograd: ``python -m benchmarks``, see README.md."""
