"""The command line: signatures, exit codes, lines on stderr."""
