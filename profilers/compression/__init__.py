"""Fewer bits and fewer weights: what the variants of a model are made by.

Fewer weights
    pruning    those that become zero, and the user's fine-tuning after it

Fewer bits
    weight_only    weights in four or eight, activations in floating point
    compiled_int8, compiled_int8_static    both in eight, for a compiler
    torchao_tensors    the quantizers of torchao that these share
"""
