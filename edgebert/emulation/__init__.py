"""An emulated ARM CPU on this machine, and the instructions that it executes."""
