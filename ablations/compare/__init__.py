"""Finished runs compared: records, statistics, tables, words."""
