"""The version, in a module of its own so that packaging reads it without importing the library."""

__version__ = "0.2.0"
