"""The programs that make answers: one for each language."""

from tests.wordpiece.conftest import jvm, node, peer

__all__ = ["jvm", "node", "peer"]
