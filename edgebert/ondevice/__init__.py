"""What travels to the board: the standard library, numpy and one runtime, in Python 3.9 syntax.

Nothing in here imports the rest of edgebert, so the same files run on this machine and on a device.
"""
