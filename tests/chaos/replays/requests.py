"""Orders that are signed as RFC 9421 has it, and the ways in which somebody on the way might alter them."""

import json
import re
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from random import Random
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PATH = "/api/v1/portfolios/house/orders"
ORDER = {
    "instrument": "BTC/USD",
    "side": "buy",
    "quantity": "0.001",
    "type": "limit",
    "limit_price": "100.00",
}


class Signed(msgspec.Struct, frozen=True):
    """A request as it goes over the wire; its host stays the one that was signed."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Machine:
    """Who signs: has an API key and its secret, and a number for each request."""

    def __init__(self, key: str, secret: Ed25519PrivateKey, draw: Random) -> None:
        self.key = key
        self._secret = secret
        self._draw = draw

    def order(self, url: str, created: int) -> Signed:
        """Return an order that nobody has seen yet."""
        body, name = json.dumps(ORDER).encode(), f"{self._draw.getrandbits(128):032x}"
        headers = {
            "Host": urlsplit(url).netloc,
            "Idempotency-Key": name,
            "Content-Type": "application/json",
            "Content-Digest": _digest(body),
        }
        values = {"@method": "POST", "@authority": headers["Host"], "@path": PATH, "@query": "?"}
        values |= {each.lower(): value for each, value in headers.items() if each != "Host"}
        covered = " ".join(f'"{each}"' for each in values)
        told = f'({covered});created={created};keyid="{self.key}";nonce="n{name}"'
        lines = [f'"{each}": {value}' for each, value in values.items()]
        base = "\n".join([*lines, f'"@signature-params": {told}']).encode()
        signature = b64encode(self._secret.sign(base)).decode()
        headers |= {"Signature-Input": f"sig={told}", "Signature": f"sig=:{signature}:"}
        return Signed("POST", PATH, headers, body)

    def altered(self, request: Signed) -> tuple[str, Signed]:
        """Return a request as somebody has altered it, and how."""
        how = self._draw.choice(sorted(ALTERATIONS))
        return how, ALTERATIONS[how](request, self._draw)


Alteration = Callable[[Signed, Random], Signed]


def _digest(body: bytes) -> str:
    return f"sha-256=:{b64encode(sha256(body).digest()).decode()}:"


def _with(request: Signed, **headers: str) -> Signed:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return msgspec.structs.replace(request, headers=request.headers | named)


def _without(request: Signed, *names: str) -> Signed:
    kept = {name: value for name, value in request.headers.items() if name not in names}
    return msgspec.structs.replace(request, headers=kept)


def _larger(request: Signed) -> Signed:
    return msgspec.structs.replace(request, body=request.body.replace(b"0.001", b"0.002"))


def _own_digest(request: Signed, _: Random) -> Signed:
    larger = _larger(request)
    return _with(larger, Content_Digest=_digest(larger.body))


def _input(pattern: str, put: str) -> Alteration:
    def alter(request: Signed, _: Random) -> Signed:
        return _with(request, Signature_Input=re.sub(pattern, put, request.headers["Signature-Input"]))

    return alter


def _bit(request: Signed, draw: Random) -> Signed:
    told = list(request.headers["Signature"])
    place = draw.randrange(len("sig=:"), len(told) - 4)
    told[place] = "B" if told[place] == "A" else "A"
    return _with(request, Signature="".join(told))


def _by_another(request: Signed, draw: Random) -> Signed:
    return _with(request, Signature=f"sig=:{b64encode(draw.randbytes(64)).decode()}:")


ALTERATIONS: dict[str, Alteration] = {
    "another body": lambda request, _: _larger(request),
    "another body, and its digest": _own_digest,
    "another method": lambda request, _: msgspec.structs.replace(request, method="DELETE"),
    "another portfolio": lambda request, _: msgspec.structs.replace(
        request, target=PATH.replace("house", "home")
    ),
    "a query": lambda request, _: msgspec.structs.replace(request, target=f"{PATH}?instrument=BTC/USD"),
    "another host": lambda request, _: _with(request, Host="localhost:1"),
    "another idempotency key": lambda request, _: _with(request, Idempotency_Key="another"),
    "a tag that was not signed": lambda request, _: _with(request, If_Match="*"),
    "another nonce": _input(r'nonce="n', 'nonce="m'),
    "a time of its own": _input(r"created=\d+", "created=1"),
    "a second later": _input(r"created=(\d+)", r"created=1\1"),
    "another key": _input(r'keyid="[^"]*"', 'keyid="another"'),
    "less that is covered": _input(r' "idempotency-key"', ""),
    "no digest that is covered": _input(r' "content-digest"', ""),
    "another algorithm": _input(r";keyid", ';alg="hmac-sha256";keyid'),
    "a flipped letter": _bit,
    "another signature": _by_another,
    "no signature": lambda request, _: _without(request, "Signature"),
    "no input": lambda request, _: _without(request, "Signature-Input"),
    "neither": lambda request, _: _without(request, "Signature", "Signature-Input"),
    "a label twice": lambda request, _: _with(
        request, Signature=", ".join([request.headers["Signature"]] * 2)
    ),
}
"""Ways to alter a request that was signed."""
