"""The robustness part of a report: tables, figures, sentences."""
