"""Elman: recurrent neural networks that are fast on an ordinary computer, and explained."""

__version__ = "0.1.0"
