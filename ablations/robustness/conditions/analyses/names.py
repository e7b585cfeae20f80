"""What the arrays of the analyses are called; nothing here imports torch.

Arrays without N rows are the same for all images.
"""

LESION, KERNELS = "analyses/lesion", "analyses/kernel_distance"
VARIANCE, FIELD = "analyses/feature_variance", "analyses/receptive_field"

# Of a lesion: PREDICTED and CORRECT are (N, counts, draws), of 1, 2, .. blocks that are taken out.
# The last count is that of all blocks that were drawn from.
REMOVED = "removed"  # (counts, draws, counts) positions of blocks, -1 after the last
BLOCKS = "blocks"  # () how many blocks the network has

# Of kernels: (channels,) of all depthwise convolutions, one after the other.
MEAN_DISTANCE = "distance"  # in positions of the map; NaN: a channel without weight
RAW_DISTANCE = "raw"  # sum of |w| d, not divided
RELATIVE_DISTANCE = "relative"  # over that of a uniform kernel
LAYER = "layer"  # which of the convolutions
# (convolutions,) each
SIZE, STAGE, BLOCK, EMPTY = "size", "stage", "block", "empty"  # EMPTY: channels without weight

# Of maps: (N, maps), of the stem and of every block.
MAP_VARIANCE, MAP_RELATIVE = "variance", "relative"

# Of a receptive field, in pixels of the images.
SIDE = "side"  # () of the images
CENTRE = "centre"  # () pixel of a row that squares are about; n + 1/2: between two
SIDES = "sides"  # (squares,) from the smallest to the whole image
SHARES = "shares"  # (squares,) of all contributions, in each
LOG_SHARES = "log_shares"  # likewise, of the logarithmic map
THRESHOLDS = "thresholds"  # (4,) shares
SQUARES, LOG_SQUARES = "squares", "log_squares"  # (4,) sides of those with more; NaN: none
MAP = "map"  # (at most 128, likewise) contributions, means over squares of pixels

# Of noise of a ring, beside the answers: (N,) RMS after clipping, pixels in [0, 1].
NOISE_LEFT = "rms"
