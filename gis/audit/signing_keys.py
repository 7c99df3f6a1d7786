"""The private key that signs seals (Ed25519) and the public keys that are trusted, in files outside the database."""

import os
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gis.text.errors import Forbidden
from gis.text.i18n import Text

PRIVATE_KEY_FILE, TRUSTED_KEYS_FILE = "seal.key", "seal.pub"


class SigningKeys:
    """The private key in ``seal.key``, and the trusted public keys: its own and those listed in ``seal.pub``."""

    def __init__(self, folder: Path) -> None:
        """Read the files in ``folder`` that exist.

        Raises ``Forbidden`` when the private key is readable by others or a file holds something else than keys.
        """
        self.private_file, self.trusted_file = folder / PRIVATE_KEY_FILE, folder / TRUSTED_KEYS_FILE
        self.private: Ed25519PrivateKey | None = None
        listed = self.trusted_file.read_text("utf-8").split() if self.trusted_file.exists() else []
        try:
            if self.private_file.exists():
                if self.private_file.stat().st_mode & 0o077:
                    raise Forbidden(
                        Text(
                            f"{self.private_file}: người khác cũng đọc được. Hãy chạy chmod 600 {self.private_file}",
                            f"{self.private_file} is readable by others. Run chmod 600 {self.private_file}",
                        )
                    )
                private = serialization.load_pem_private_key(self.private_file.read_bytes(), password=None)
                if not isinstance(private, Ed25519PrivateKey):
                    raise ValueError(self.private_file)
                self.private = private
                listed = [_public_key_hex(private), *listed]
            self.trusted = {key: Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)) for key in listed}
        except ValueError:
            file = self.private_file if self.private is None and self.private_file.exists() else self.trusted_file
            raise Forbidden(Text(f"{file} không phải khóa Ed25519", f"{file} holds no Ed25519 key")) from None

    def generate(self) -> None:
        """Generate a private key, readable by its owner only, and trust its public key from now on.

        The public key is written first, so that a crash in between leaves no key whose seals are not trusted.
        """
        private = Ed25519PrivateKey.generate()
        pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        key = _public_key_hex(private)
        append_durably(self.trusted_file, f"{key}\n".encode(), 0o644)
        unfinished = self.private_file.with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        append_durably(unfinished, pem, 0o600)
        unfinished.rename(self.private_file)
        _fsync_directory(self.private_file.parent)
        self.private = private
        self.trusted[key] = private.public_key()

    def sign(self, statement: bytes) -> str:
        """Sign a statement; the signature is hexadecimal. There must be a private key."""
        assert self.private is not None  # noqa: S101 - Sealer._load_keys generates one
        return self.private.sign(statement).hex()

    def signer(self, statement: bytes, signature: str) -> str | None:
        """The trusted public key that verifies the signature of a statement, or None."""
        for key, public in self.trusted.items():
            with suppress(InvalidSignature, ValueError, TypeError):
                public.verify(bytes.fromhex(signature), statement)
                return key
        return None


def _public_key_hex(private: Ed25519PrivateKey) -> str:
    """The public key in hexadecimal."""
    return private.public_key().public_bytes_raw().hex()


def append_durably(path: Path, data: bytes, mode: int) -> None:
    """Append to a file, created with ``mode`` if it does not exist, and return once it is flushed to the disk."""
    is_new = not path.exists()
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)
    if is_new:
        _fsync_directory(path.parent)


def _fsync_directory(folder: Path) -> None:
    """Flush a directory's entries to the disk, so that a new or renamed file survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
