"""The runs folder: what lies where, who may write, what a run came from."""
