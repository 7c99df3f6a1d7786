"""Settings, read from the environment with the prefix ``COTMOC_`` and made where the application is made."""

from functools import cached_property
from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

ALL_INTERFACES = "0.0.0.0"  # noqa: S104 - inside the image alone; compose publishes it on this machine's loopback


class Settings(BaseSettings):
    """What the application needs to serve."""

    model_config = SettingsConfigDict(env_prefix="COTMOC_", frozen=True)

    reader_url: str
    writer_url: str
    door_url: str
    partner_url: str | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    container: bool = False
    names: str = ""
    tls: bool = False
    behind_proxy: str | None = None
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret_file: Path | None = None
    oidc_claim: str | None = None
    oidc_title: str = "OpenID Connect"
    office: str = "Tây Ninh"
    home_latitude: float = 11.35
    home_longitude: float = 106.05
    home_zoom: int = 9

    @property
    def home(self) -> tuple[float, float, float]:
        """Latitude, longitude and zoom of the first view."""
        return self.home_latitude, self.home_longitude, self.home_zoom

    @cached_property
    def local_hosts(self) -> frozenset[str]:
        """The names by which this machine asks for itself."""
        names = {"localhost", "127.0.0.1", "[::1]"}
        return frozenset(names | {f"{name}:{self.port}" for name in names})

    @cached_property
    def hosts(self) -> frozenset[str]:
        """The names under which requests may ask for us; ``names`` adds others, each with its port where it has one."""
        own = f"[{self.host}]" if ":" in self.host else self.host
        names = {own, *(name.strip().lower() for name in self.names.split(",") if name.strip())}
        return self.local_hosts | names | {f"{name}:{self.port}" for name in names}

    @property
    def accepts_remote(self) -> bool:
        """Whether others than this machine may ask: then everybody signs in, and everything goes over TLS."""
        return bool(self.names or self.behind_proxy or self.tls)
