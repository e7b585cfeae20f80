"""How a total batch is cut over devices and accumulated micro batches (no torch)."""

from __future__ import annotations


def accumulation(total: int, per_device: int | None, devices: int) -> int:
    """Micro batches a device adds up before one optimizer step.

    Args:
        total: images of one optimizer step over all devices (`recipe.batch_size`).
        per_device: images a device takes at once; None: all of the batch, on one device.
        devices: how many devices train together, over all nodes.

    Raises:
        ValueError: the total batch cannot be cut this way, with the nearest values that can.
    """
    per_device = per_device_batch(total, per_device, devices)
    if (total // devices) % per_device:
        share = total // devices
        near = nearest_divisors(share, per_device)
        raise ValueError(
            f"recipe.batch_size={total} on {devices} device(s) is {share} images a device, "
            f"which is no multiple of recipe.batch_size_per_device={per_device}. "
            f"Nearest that are valid: {' or '.join(map(str, near))}."
        )
    return total // devices // per_device


def per_device_batch(total: int, per_device: int | None, devices: int) -> int:
    """Images that a device takes at once: `per_device`, or the whole batch on one device.

    Never a share of the batch that depends on the number of devices: batch norm and mixing work
    within what a device takes at once, so that the result would depend on it too.

    Raises:
        ValueError: the total batch cannot be cut this way, with the nearest values that can.
    """
    if total < 1 or devices < 1 or (per_device is not None and per_device < 1):
        raise ValueError(
            f"recipe.batch_size={total}, recipe.batch_size_per_device={per_device} and "
            f"hardware.devices={devices} have to be at least 1."
        )
    if total % devices:
        near = [n for n in (total // devices * devices, -(-total // devices) * devices) if n]
        raise ValueError(
            f"recipe.batch_size={total} cannot be shared evenly by hardware.devices={devices}. "
            f"Nearest that can: {' or '.join(map(str, near))}."
        )
    if per_device is None and devices > 1:
        raise ValueError(
            f"recipe.batch_size_per_device is not set, which means all {total} images of a step at "
            f"once, on one device; for hardware.devices={devices} set it to {total // devices} or "
            "a divisor of that. It is part of what a run is, since batch norm and mixing work "
            "within it."
        )
    return per_device or total


def nearest_divisors(number: int, wanted: int) -> list[int]:
    """The divisors of `number` next to `wanted`, below and above, as far as they exist."""
    divisors = [n for n in range(1, number + 1) if number % n == 0]
    below = [n for n in divisors if n <= wanted][-1:]
    above = [n for n in divisors if n > wanted][:1]
    return below + above
