"""The platform as a Dagster resource: settings become engines when a run first uses them."""

from __future__ import annotations

from functools import cache

import dagster as dg
from pydantic import Field

from eco_assets.platform import Platform
from eco_assets.settings import Settings


class PlatformResource(dg.ConfigurableResource):
    """Gives assets and sensors the installation's engines."""

    settings_json: str = Field(default="", description="Settings as JSON; read from the ECO_* environment when empty.")

    @classmethod
    def of(cls, platform: Platform) -> PlatformResource:
        """A resource that hands out engines with these settings."""
        return cls(settings_json=platform.settings.dumps())

    def get(self) -> Platform:
        """The engines, one set a process and settings. Raises `ConfigError` as `Settings.from_env` does."""
        return _platform(Settings.loads(self.settings_json) if self.settings_json else Settings.from_env())


@cache
def _platform(settings: Settings) -> Platform:
    return Platform(settings)
