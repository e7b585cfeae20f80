"""What tests of corruptions compare with."""
