"""What is in a model file, read from its bytes: inputs, outputs, operators, bytes by part, shape."""
