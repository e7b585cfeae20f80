"""`ablate bench corruptions`: corruptions in memory beside another library's, in turns."""
