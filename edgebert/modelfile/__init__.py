"""A model file of either format: what it holds, whatever its name says."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

from edgebert.errors import BundleError
from edgebert.modelfile.description import Description
from edgebert.modelfile.onnx import describe_onnx
from edgebert.modelfile.tflite import IDENTIFIER, describe_tflite

_HINT = "export or copy the bundle again"


def describe(path: Path) -> Description:
    """Return what is in an ``.onnx`` or ``.tflite`` file; the content tells which of the two it is.

    Raises:
        BundleError: It cannot be read, or it is neither.
    """
    try:
        with path.open("rb") as stream:
            if not stream.read(1):
                raise BundleError(f"{path}: empty, not a model file", hint=_HINT)
            # Not closed by hand: an error still refers to what it was about.
            view = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
            return describe_tflite(view) if bytes(view[4:8]) == IDENTIFIER else describe_onnx(view)
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {error.strerror}", hint=_HINT) from error
    except (ValueError, IndexError, KeyError, OverflowError, struct.error) as error:
        raise BundleError(
            f"{path}: neither an ONNX nor a TFLite file that edgebert reads: {error}", hint=_HINT
        ) from error
