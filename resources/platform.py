"""The platform as a Dagster resource: settings from the environment become engines when a run first uses them."""

from __future__ import annotations

import dagster as dg
from pydantic import PrivateAttr

from eco_assets.platform import Platform
from eco_assets.settings import Settings


class PlatformResource(dg.ConfigurableResource):
    """Gives assets and sensors the installation's engines."""

    _platform: Platform | None = PrivateAttr(default=None)

    @classmethod
    def of(cls, platform: Platform) -> PlatformResource:
        """A resource that hands out these engines."""
        resource = cls()
        resource._platform = platform
        return resource

    def get(self) -> Platform:
        """The engines of this process. Raises `ConfigError` as `Settings.from_env` does."""
        if self._platform is None:
            self._platform = Platform(Settings.from_env())
        return self._platform
