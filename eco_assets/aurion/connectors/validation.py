"""A configuration held against its specification, with words that name the property and never show its value."""

from __future__ import annotations

from eco_assets.aurion.connectors.protocol import Config, Spec
from eco_assets.errors import ConfigError


def validate(config: Config, spec: Spec) -> None:
    """Hold a configuration against its specification.

    Raises:
        ConfigError: names the property; its value is not shown, it may be a secret.
    """
    import jsonschema  # type: ignore[import-untyped]

    found = sorted(jsonschema.Draft7Validator(dict(spec.schema)).iter_errors(dict(config)), key=lambda error: list(map(str, error.path)))
    if not found:
        return
    first = found[0]
    where = ".".join(map(str, first.absolute_path))
    if first.validator == "required":
        missing = next(name for name in first.validator_value if name not in first.instance)
        raise ConfigError(f"`{'.'.join(filter(None, (where, missing)))}` is missing in the connection's configuration")
    if first.validator == "additionalProperties" and isinstance(first.instance, dict):
        unknown = sorted(set(first.instance) - set(first.schema.get("properties", {})))
        raise ConfigError(f"`{'.'.join(filter(None, (where, unknown[0])))}` is no property of this connector's configuration")
    raise ConfigError(f"`{where}` in the connection's configuration must fit {first.validator}: {first.validator_value!r}")
