"""From where the house may be asked, and what makes that safe.

On loopback alone nothing is needed. Whoever else may ask comes over TLS, which is ours (a certificate and its key) or
that of a proxy in front of us, and signs in: without an administrator nothing is served beyond this machine. What a
proxy says of its clients is believed from the proxy's own address only.
"""

import ipaddress
import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from api.settings import ALL_INTERFACES
from gis.accounts import Accounts
from gis.text import Forbidden, Text

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class NetworkOptions:
    """Where to listen (``host``), under which further ``names``, and behind what."""

    host: str | None = None
    names: Sequence[str] = ()
    behind_proxy: str | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None

    @property
    def accepts_remote(self) -> bool:
        """Whether others than this machine may ask."""
        asked = self.names or self.behind_proxy or self.tls_cert or self.tls_key
        return bool(asked) or not (_in_container() or is_loopback(self.bind_address))

    @property
    def bind_address(self) -> str:
        """The numeric address to listen on."""
        if self.host in (None, "localhost"):
            return ALL_INTERFACES if _in_container() and self.host is None else LOOPBACK
        return str(self.host)

    def settings(self) -> dict[str, Any]:
        """What the application is told of it."""
        return {"names": ",".join(self.names), "behind_proxy": self.behind_proxy, "tls": self.tls_cert is not None}

    def uvicorn_options(self) -> dict[str, Any]:
        """What the server is told of it. Without a proxy of ours nobody's word about where they come from counts."""
        tls = {"ssl_certfile": str(self.tls_cert), "ssl_keyfile": str(self.tls_key)} if self.tls_cert else {}
        trusted = {"forwarded_allow_ips": [self.behind_proxy]} if self.behind_proxy else {}
        return {"proxy_headers": bool(self.behind_proxy), **trusted, **tls}

    def refuse_unsafe(self) -> None:
        """Raises ``Forbidden`` where somebody could ask without TLS, before anything is started."""
        if self.behind_proxy:
            _check_proxy_address(self.behind_proxy)
        if self.tls_cert or self.tls_key:
            _check_certificate(self.tls_cert, self.tls_key)
        elif self.accepts_remote and not self.behind_proxy:
            raise Forbidden(
                Text(
                    f"Không phục vụ tại {self.host or ', '.join(self.names)}: ngoài máy này chỉ phục vụ qua TLS; hãy"
                    " dùng --behind-proxy ĐỊA-CHỈ-PROXY, hoặc --tls-cert cùng --tls-key, hoặc chỉ 127.0.0.1",
                    f"Not serving on {self.host or ', '.join(self.names)}: beyond this machine only TLS is served; use"
                    " --behind-proxy ADDRESS-OF-THE-PROXY, or --tls-cert with --tls-key, or 127.0.0.1 alone",
                )
            )

    def require_administrator(self, accounts_url: str) -> None:
        """Raises ``Forbidden`` where others may ask and nobody has to sign in yet."""
        if not self.accepts_remote:
            return
        door = Accounts(accounts_url)
        try:
            if not door.sign_in_required():
                raise Forbidden(
                    Text(
                        "Chưa có quản trị viên: người truy cập nào cũng có quyền của cơ quan thường trực;"
                        " hãy chạy ./cotmoc admin create trước",
                        "There is no administrator, so anybody who reaches it would have the rights of the office;"
                        " run ./cotmoc admin create first",
                    )
                )
        finally:
            door.dispose()


@lru_cache(100)
def is_loopback(ip: str) -> bool:
    """Whether an address is this machine's own; a name is not taken for one."""
    try:
        return ipaddress.ip_address(ip).is_loopback
    except ValueError:
        return False


def _in_container() -> bool:
    return os.environ.get("COTMOC_CONTAINER") == "1"


def _check_proxy_address(proxy: str) -> None:
    try:
        one = ipaddress.ip_network(proxy)
    except ValueError:
        one = None
    if one is None or one.prefixlen == 0:
        raise Forbidden(
            Text(
                f"--behind-proxy cần đúng địa chỉ IP của proxy, không phải {proxy}",
                f"--behind-proxy takes the proxy's own IP address, which {proxy} is not",
            )
        )


def _check_certificate(cert: Path | None, key: Path | None) -> None:
    try:
        if cert is None or key is None:
            raise FileNotFoundError
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(cert, key)
    except (OSError, ssl.SSLError):
        raise Forbidden(
            Text(
                "--tls-cert và --tls-key phải là một chứng thư số và khóa riêng của chứng thư đó,"
                " đọc được và không có mật khẩu",
                "--tls-cert and --tls-key must be a certificate and its private key, readable and without a passphrase",
            )
        ) from None
