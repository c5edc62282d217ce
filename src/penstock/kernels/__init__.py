"""Compiled loops over arrays, without policy: packing, permutation, varints, components."""
