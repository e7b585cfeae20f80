"""What a spec that is no network raises."""


class IllegalSpec(ValueError):
    """A combination of choices that is not a network; the message says why and what it needs."""


def require(condition: bool, message: str) -> None:  # noqa: FBT001 reads like assert
    """Raise IllegalSpec with the message unless the condition holds."""
    if not condition:
        raise IllegalSpec(message)
