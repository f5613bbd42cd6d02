"""Models in the formats of other programs."""

from elman.export.onnx_file import export_onnx

__all__ = ["export_onnx"]
