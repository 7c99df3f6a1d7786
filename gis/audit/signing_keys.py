"""The key that signs (Ed25519) and the public keys that are trusted, in files that the database does not hold."""

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
    """The key that signs, in ``seal.key``, and the public keys that are trusted: its own and those in ``seal.pub``."""

    def __init__(self, folder: Path) -> None:
        """Read what is there. Raises ``Forbidden`` for a key that others may read, or that is none."""
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
                read = serialization.load_pem_private_key(self.private_file.read_bytes(), password=None)
                if not isinstance(read, Ed25519PrivateKey):
                    raise ValueError(self.private_file)
                self.private = read
                listed = [_public_key_hex(read), *listed]
            self.trusted = {word: Ed25519PublicKey.from_public_bytes(bytes.fromhex(word)) for word in listed}
        except ValueError:
            place = self.private_file if self.private is None and self.private_file.exists() else self.trusted_file
            raise Forbidden(Text(f"{place} không phải khóa Ed25519", f"{place} holds no Ed25519 key")) from None

    def generate(self) -> None:
        """A new key for its owner alone, written through; its public half is trusted from now on."""
        made = Ed25519PrivateKey.generate()
        pem = made.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        word = _public_key_hex(made)
        append_durably(self.trusted_file, f"{word}\n".encode(), 0o644)
        unfinished = self.private_file.with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        append_durably(unfinished, pem, 0o600)
        unfinished.rename(self.private_file)
        _fsync_directory(self.private_file.parent)
        self.private = made
        self.trusted[word] = made.public_key()

    def sign(self, statement: bytes) -> str:
        """The signature of a statement, as hexadecimal digits. There must be a key."""
        assert self.private is not None  # noqa: S101 - whoever signs has seen to it
        return self.private.sign(statement).hex()

    def signer(self, statement: bytes, signature: str) -> str | None:
        """The trusted public key that has signed a statement, or None."""
        for word, public in self.trusted.items():
            with suppress(InvalidSignature, ValueError, TypeError):
                public.verify(bytes.fromhex(signature), statement)
                return word
        return None


def _public_key_hex(private: Ed25519PrivateKey) -> str:
    """The public half as hexadecimal digits."""
    return private.public_key().public_bytes_raw().hex()


def append_durably(path: Path, data: bytes, mode: int) -> None:
    """Add to the end of a file, made when it is not there, and return when it lies on the disk."""
    fresh = not path.exists()
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)
    if fresh:
        _fsync_directory(path.parent)


def _fsync_directory(folder: Path) -> None:
    """See that the folder's list of files lies on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
