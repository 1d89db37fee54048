"""chainbp side by side with PyTorch, JAX and HIPS autograd: `python -m benchmarks`, see README.md."""
