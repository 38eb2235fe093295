"""The peer: what Optimum's export and ONNX Runtime's dynamic quantization make of a checkpoint.

Runs in Optimum's environment, where edgebert is not installed: ``PYTHON benchmarks/optimum_peer.py CHECKPOINT OUT``.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import metadata
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before the library loads
os.environ["HF_HUB_OFFLINE"] = "1"

PACKAGES = ("optimum", "optimum-onnx", "transformers", "torch", "onnx", "onnxruntime")


def main(checkpoint: Path, out: Path) -> None:
    """Write ``model.onnx``, ``int8.onnx`` and ``versions.json`` to ``out``, and run both files once."""
    import numpy as np
    import onnxruntime
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from optimum.exporters.onnx import main_export

    (out / "versions.json").unlink(missing_ok=True)
    main_export(str(checkpoint), output=str(out), task="text-classification")
    quantize_dynamic(out / "model.onnx", out / "int8.onnx", weight_type=QuantType.QInt8, per_channel=True)
    for name in ("model.onnx", "int8.onnx"):
        session = onnxruntime.InferenceSession(str(out / name), providers=["CPUExecutionProvider"])
        ids = np.ones((1, 16), dtype=np.int64)
        answer = session.run(["logits"], {"input_ids": ids, "attention_mask": ids})[0]
        if not np.isfinite(answer).all():
            raise SystemExit(f"{name} gives NaN or infinite logits")
    # Written last: its presence says that the files beside it are complete.
    versions = [{"name": name, "version": metadata.version(name)} for name in PACKAGES]
    (out / "versions.json").write_text(json.dumps(versions, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
