"""Settings, read from the environment with the prefix ``COTMOC_`` and made where the application is made."""

from functools import cached_property

from pydantic_settings import BaseSettings, SettingsConfigDict

BRIDGE = "0.0.0.0"  # noqa: S104 - inside the image alone; compose publishes it on this machine's loopback


class Settings(BaseSettings):
    """What the application needs to serve."""

    model_config = SettingsConfigDict(env_prefix="COTMOC_", frozen=True)

    reader_url: str
    writer_url: str
    door_url: str
    host: str = "127.0.0.1"
    port: int = 8000
    container: bool = False
    office: str = "Tây Ninh"
    home_latitude: float = 11.35
    home_longitude: float = 106.05
    home_zoom: int = 9

    @cached_property
    def hosts(self) -> frozenset[str]:
        """The names under which requests may ask for us."""
        names = {"localhost", "127.0.0.1", "[::1]", self.host}
        return frozenset(names | {f"{name}:{self.port}" for name in names})
