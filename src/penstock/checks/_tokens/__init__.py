"""What the checks of token datasets share: is it real, is it what its manifest says."""
