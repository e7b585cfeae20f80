"""What the perturbations are called, in the order of the benchmark (arXiv 1903.12261); no torch."""

PERTURBATIONS = (
    "gaussian_noise",
    "shot_noise",
    "motion_blur",
    "zoom_blur",
    "snow",
    "brightness",
    "translate",
    "rotate",
    "tilt",
    "scale",
)
# their frames are independent, so that each is compared with the first, the clean image
NOISE = ("gaussian_noise", "shot_noise")
