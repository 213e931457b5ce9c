"""Causal language models: how they read and write, and how long that takes.

Measured and served alike
    decoding    the loop of reading and writing
    wording    text to token ids and back

Measured alone
    tokens    prefill and step, by batch and context
    experts    how evenly a mixture's tokens spread over its experts
"""
