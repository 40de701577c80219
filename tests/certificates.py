"""Certificates of tests: who vouches for others, and who is vouched for, also no more."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID


def make(directory: Path, name: str, *, signed_by: str = "", days: int) -> None:
    """Make a key and a certificate of 127.0.0.1, or of one who vouches for others."""
    key = generate_private_key(SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer, signer = subject, key
    if signed_by:
        issuer = x509.load_pem_x509_certificate((directory / f"{signed_by}.pem").read_bytes()).subject
        signer = load_pem_private_key((directory / f"{signed_by}.key").read_bytes(), None)  # type: ignore[assignment]
    now = datetime.now(UTC)  # noqa: TID251 - certificates know the machine's time alone
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=3))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=not signed_by, path_length=None), critical=True)
        .sign(signer, SHA256())
    )
    (directory / f"{name}.pem").write_bytes(made.public_bytes(Encoding.PEM))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (directory / f"{name}.key").write_bytes(pem)
