"""Under which conditions networks are asked: corruptions, attacks, public sets, probes."""
