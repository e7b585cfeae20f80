"""Networks of a file's own: a base and steps, usable wherever that file names a network."""

from collections.abc import Mapping, Sequence

from ablations.studies.config import NetworkConfig
from ablations.studies.networks import network_after
from ablations.studies.own_sections import check_word, texts_at, typed_section, value_at
from ablations.studies.scope import names, owner
from ablations.studies.typed import Keys
from ablations.studies.yaml_source import YamlSource
from lit_models.families.specs import SPECS
from lit_models.registry.names import close_names

Row = Sequence[str]  # [NETWORK, STEP...]


def network_row(source: YamlSource | None, row: Row, *, where: str) -> tuple[str, ...]:
    """[NETWORK, STEP...] with what a file's own network is made of in its place.

    Raises ValueError, beginning with `where`, for a name that is nearest to one of the file's own.
    """
    name, *steps = row
    holder = owner(source, "networks", name)
    if holder is not None:
        return (*_made_of(holder, name, ()), *steps)
    own = names(source, "networks")
    near = close_names(name, {*own, *SPECS})
    if name not in SPECS and set(near) & set(own):
        raise ValueError(
            f"{where}: no network is named {name!r}; did you mean {' or '.join(near)}?"
        )
    return tuple(row)


def check_network(source: YamlSource, name: str) -> None:
    """Raise ValueError, with file and line, where a network of this file cannot be made."""
    check_word(source, ("networks", name), what="network")
    row = _made_of(source, name, ())
    where = source.where(("networks", name))
    try:
        network_after(row[1:], network=row[0])
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _made_of(source: YamlSource, name: str, seen: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    at, me = ("networks", name), (str(source.path), name)
    where = source.where(at)
    base, *steps = _config_row(source, at)
    known = base in SPECS or base in names(source.shipped, "networks")
    itself = base == name and not known
    if me in seen or itself:
        around = [*(network for _, network in seen), name, *([base] if itself else [])]
        chain = " is made of ".join(around)
        raise ValueError(f"{where}: a network cannot be made of itself: {chain}")
    # one with the name of a network that this file only sees is made of that
    holder = owner(source.shipped if base == name else source, "networks", base)
    if holder is not None:
        return (*_made_of(holder, base, (*seen, me)), *steps)
    made = (base,) if base == name else network_row(source, [base], where=where)
    return (*made, *steps)


def _config_row(source: YamlSource, at: Keys) -> Row:
    if not isinstance(value_at(source, at), Mapping):
        return texts_at(source, at)
    config = typed_section(source, NetworkConfig, at, texts=("steps",))
    if not config.base:
        raise ValueError(f"{source.where(at)}: a network needs a base, which it is made of")
    return [config.base, *config.steps]
