"""What many tests share: input files, small models, penstock as a process, kill -9."""
