"""Network options of the server: where it listens, TLS, and the proxy in front of it.

On loopback the server needs neither TLS nor accounts. Remote clients must use TLS, either of this server (a certificate
and its key) or of a reverse proxy, and must sign in, so the server refuses to start for them until there is an
administrator. ``X-Forwarded-*`` headers are trusted only from the IP address of the proxy.
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
    """The address to listen on (``host``), further host ``names``, and a proxy or a TLS certificate."""

    host: str | None = None
    names: Sequence[str] = ()
    behind_proxy: str | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None

    @property
    def accepts_remote(self) -> bool:
        """Whether clients on other machines can reach the server."""
        exposed = self.names or self.behind_proxy or self.tls_cert or self.tls_key
        return bool(exposed) or not (_in_container() or is_loopback(self.bind_address))

    @property
    def bind_address(self) -> str:
        """The IP address to listen on."""
        if self.host in (None, "localhost"):
            return ALL_INTERFACES if _in_container() and self.host is None else LOOPBACK
        return str(self.host)

    def settings(self) -> dict[str, Any]:
        """The fields of ``Settings`` that depend on these options."""
        return {"names": ",".join(self.names), "behind_proxy": self.behind_proxy, "tls": self.tls_cert is not None}

    def uvicorn_options(self) -> dict[str, Any]:
        """The options for uvicorn; ``X-Forwarded-*`` headers are ignored unless there is a proxy."""
        tls = {"ssl_certfile": str(self.tls_cert), "ssl_keyfile": str(self.tls_key)} if self.tls_cert else {}
        trusted = {"forwarded_allow_ips": [self.behind_proxy]} if self.behind_proxy else {}
        return {"proxy_headers": bool(self.behind_proxy), **trusted, **tls}

    def refuse_unsafe(self) -> None:
        """Raise ``Forbidden`` if remote clients could connect without TLS; called before the server starts."""
        if self.behind_proxy:
            _check_proxy_address(self.behind_proxy)
        if self.tls_cert or self.tls_key:
            _check_certificate(self.tls_cert, self.tls_key)
        elif self.accepts_remote and not self.behind_proxy:
            raise Forbidden(
                Text(
                    f"Không phục vụ tại {self.host or ', '.join(self.names)}: ngoài máy này chỉ phục vụ qua TLS; hãy"
                    " dùng --behind-proxy ĐỊA-CHỈ-PROXY, hoặc --tls-cert cùng --tls-key, hoặc chỉ 127.0.0.1",
                    f"Not serving on {self.host or ', '.join(self.names)}: remote clients are served over TLS only; use"
                    " --behind-proxy IP-OF-THE-PROXY, or --tls-cert with --tls-key, or 127.0.0.1 alone",
                )
            )

    def require_administrator(self, accounts_url: str) -> None:
        """Raise ``Forbidden`` if remote clients can connect while there is no administrator and so no sign-in."""
        if not self.accepts_remote:
            return
        accounts = Accounts(accounts_url)
        try:
            if not accounts.sign_in_required():
                raise Forbidden(
                    Text(
                        "Chưa có quản trị viên: người truy cập nào cũng có quyền của cơ quan thường trực;"
                        " hãy chạy ./cotmoc admin create trước",
                        "There is no administrator, so every client would have the rights of the office;"
                        " run ./cotmoc admin create first",
                    )
                )
        finally:
            accounts.dispose()


@lru_cache(100)
def is_loopback(ip: str) -> bool:
    """Whether an IP address is a loopback address; False for host names."""
    try:
        return ipaddress.ip_address(ip).is_loopback
    except ValueError:
        return False


def _in_container() -> bool:
    return os.environ.get("COTMOC_CONTAINER") == "1"


def _check_proxy_address(proxy: str) -> None:
    try:
        network = ipaddress.ip_network(proxy)
    except ValueError:
        network = None
    if network is None or network.prefixlen == 0:
        raise Forbidden(
            Text(
                f"--behind-proxy cần đúng địa chỉ IP của proxy, không phải {proxy}",
                f"--behind-proxy needs the IP address of the proxy, and {proxy} is not one",
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
