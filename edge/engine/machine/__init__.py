"""This machine: cores, memory and GPUs, how well workers are sandboxed on it, and how a model fits."""
