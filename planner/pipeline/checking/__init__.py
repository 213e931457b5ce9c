"""An emitted plan held against its inputs, sharing no code with the model."""
