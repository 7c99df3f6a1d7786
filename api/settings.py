"""The settings of the application, read from environment variables with the prefix ``COTMOC_``."""

from functools import cached_property
from pathlib import Path

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

COMMAND_LINE = "./cotmoc"
"""How a user calls this program, for messages that say which command helps."""

PRODUCT_NAME = "Cotmoc"
"""The name under which an authenticator app lists the account."""

ALL_INTERFACES = "0.0.0.0"  # noqa: S104 - only in the container, whose port compose publishes on loopback


class Settings(BaseSettings):
    """Database URLs, network options, OpenID Connect, and the office and first view of the map.

    ``reader_url``, ``writer_url``, ``accounts_url`` and ``partner_url`` are SQLAlchemy URLs of four logins.
    ``COTMOC_DOOR_URL`` is the earlier name of ``COTMOC_ACCOUNTS_URL``.
    """

    model_config = SettingsConfigDict(env_prefix="COTMOC_", frozen=True, populate_by_name=True)

    reader_url: str
    writer_url: str
    accounts_url: str = Field(validation_alias=AliasChoices("COTMOC_ACCOUNTS_URL", "COTMOC_DOOR_URL"))
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
        """Latitude, longitude and zoom of the first view of the map."""
        return self.home_latitude, self.home_longitude, self.home_zoom

    @cached_property
    def local_hosts(self) -> frozenset[str]:
        """``Host`` values by which clients on this machine reach the service."""
        names = {"localhost", "127.0.0.1", "[::1]"}
        return frozenset(names | {f"{name}:{self.port}" for name in names})

    @cached_property
    def hosts(self) -> frozenset[str]:
        """Accepted ``Host`` values: loopback, ``host`` and ``names``, each with and without ``port``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        names = {host, *(name.strip().lower() for name in self.names.split(",") if name.strip())}
        return self.local_hosts | names | {f"{name}:{self.port}" for name in names}

    @property
    def accepts_remote(self) -> bool:
        """Whether clients on other machines are served; they must sign in and use TLS."""
        return bool(self.names or self.behind_proxy or self.tls)
