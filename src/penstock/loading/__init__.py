"""Datasets on their way into a training loop."""
