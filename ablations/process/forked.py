"""Imported first by the server that forks the workers: the server ends with the launcher."""

from ablations.process.tether import end_with_parent

end_with_parent()
