"""What the checks of packed rows share, in whatever files the rows lie."""
