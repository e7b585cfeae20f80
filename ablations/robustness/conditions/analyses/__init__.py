"""Why a network answers as it does: its blocks, kernels, maps and receptive field."""
