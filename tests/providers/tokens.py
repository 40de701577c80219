"""Signed tokens, written by hand (RFC 7515, 7518, 8037): nothing of what reads them is used here."""

import hmac
import json
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Json = dict[str, Any]
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def b64(content: bytes) -> str:
    return urlsafe_b64encode(content).decode().rstrip("=")


def _number(value: int, size: int | None = None) -> str:
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def new_key(algorithm: str) -> PrivateKey:
    """Make a key for an algorithm."""
    match algorithm:
        case "RS256":
            return rsa.generate_private_key(65_537, 2_048)
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
    raise ValueError(algorithm)


def published(key: PrivateKey, kid: str) -> Json:
    """Return the public half as a JWK."""
    match key:
        case rsa.RSAPrivateKey():
            numbers = key.public_key().public_numbers()
            return {"kty": "RSA", "kid": kid, "use": "sig", "n": _number(numbers.n), "e": _number(numbers.e)}
        case ec.EllipticCurvePrivateKey():
            point = key.public_key().public_numbers()
            x, y = _number(point.x, 32), _number(point.y, 32)
            return {"kty": "EC", "kid": kid, "use": "sig", "crv": "P-256", "x": x, "y": y}
        case ed25519.Ed25519PrivateKey():
            raw = key.public_key().public_bytes_raw()
            return {"kty": "OKP", "kid": kid, "use": "sig", "crv": "Ed25519", "x": b64(raw)}


def algorithm_of(key: PrivateKey) -> str:
    match key:
        case rsa.RSAPrivateKey():
            return "RS256"
        case ec.EllipticCurvePrivateKey():
            return "ES256"
        case ed25519.Ed25519PrivateKey():
            return "EdDSA"


def token(claims: Json, key: PrivateKey, kid: str, header: Json | None = None) -> str:
    """Sign claims; a header of `alg` none or HS256 has that done which nobody may believe."""
    said = {"alg": algorithm_of(key), "kid": kid, "typ": "JWT"} | (header or {})
    signed = f"{b64(json.dumps(said).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{signed}.{b64(_signature(said['alg'], key, signed.encode()))}"


def _signature(algorithm: str, key: PrivateKey, content: bytes) -> bytes:
    if algorithm == "none":
        return b""
    if algorithm == "HS256":
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return hmac.new(public, content, sha256).digest()
    match key:
        case rsa.RSAPrivateKey():
            return key.sign(content, padding.PKCS1v15(), SHA256())
        case ec.EllipticCurvePrivateKey():
            r, s = decode_dss_signature(key.sign(content, ec.ECDSA(SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        case ed25519.Ed25519PrivateKey():
            return key.sign(content)
