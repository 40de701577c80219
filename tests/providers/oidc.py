"""A provider of identities in a process of its own, which lets everybody in and fails on command.

    python -m tests.providers.oidc --port-file port

It stands for somebody else's system, and imports nothing of LTS.
"""

import argparse
import asyncio
import json
import socket
import time
from base64 import b64decode
from collections import Counter
from hashlib import sha256
from hmac import compare_digest
from itertools import count
from pathlib import Path
from secrets import token_urlsafe
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.providers.tokens import Json, PrivateKey, algorithm_of, b64, new_key, published, token

CLIENT, SECRET = "lts", "client:secret/1"
PERSON = {"sub": "248289761001", "preferred_username": "ann", "groups": ["staff", "traders"]}
NOTHING: Json = {}


class Provider:
    """Its keys, the codes that it gave, and how it has been told to behave."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.numbers = count(1)
        self.first = new_key("RS256")
        """Made once: a key of RSA takes a while."""
        self.reset()

    def reset(self) -> None:
        self.codes: dict[str, Json] = {}
        self.asked: Counter[str] = Counter()
        self.told: Json = {}
        self.take(self.first)

    def take(self, key: PrivateKey) -> None:
        """Sign by a key from now on, under another id, and publish that alone."""
        self.kid = f"key-{next(self.numbers)}"
        self.keys = {self.kid: key}

    # What is asked of it

    async def describe(self, _: Request) -> Response:
        end = self.issuer
        described = {
            "issuer": end,
            "authorization_endpoint": f"{end}/authorize?tenant=1",
            "token_endpoint": f"{end}/token",
            "jwks_uri": f"{end}/jwks?tenant=1",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }
        return JSONResponse(described | self.told.get("described", NOTHING))

    async def publish(self, _: Request) -> Response:
        keys = [published(key, kid) for kid, key in self.keys.items()]
        return JSONResponse({"keys": self.told.get("keys", keys)})

    async def authorize(self, request: Request) -> Response:
        query = request.query_params
        usual = {"client_id": CLIENT, "response_type": "code", "code_challenge_method": "S256"}
        wrong = [name for name, value in usual.items() if query.get(name) != value]
        missing = {"state", "nonce", "code_challenge", "redirect_uri"} - query.keys()
        if wrong or missing or "openid" not in query.get("scope", "").split():
            return JSONResponse({"error": "invalid_request", "of": [*wrong, *missing]}, 400)
        code = token_urlsafe(24)
        self.codes[code] = dict(query)
        sent = {"code": code, "state": query["state"], "session_state": "x"} | self.told.get("sent", NOTHING)
        back = {name: value for name, value in sent.items() if value is not None}
        return RedirectResponse(f"{query['redirect_uri']}?{urlencode(back)}", 303)

    async def redeem(self, request: Request) -> Response:
        fields = dict(parse_qsl((await request.body()).decode()))
        if not self._knows(request, fields):
            return JSONResponse({"error": "invalid_client"}, 401)
        asked = self.codes.pop(fields.get("code", ""), None)
        if asked is None or fields.get("grant_type") != "authorization_code":
            return JSONResponse({"error": "invalid_grant"}, 400)
        challenge = b64(sha256(fields.get("code_verifier", "").encode()).digest())
        if challenge != asked["code_challenge"] or fields.get("redirect_uri") != asked["redirect_uri"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        tokens = {"access_token": "for nobody", "token_type": "Bearer", "id_token": self.id_token(asked)}
        return JSONResponse(tokens)

    def id_token(self, asked: Json) -> str:
        now = int(time.time()) + self.told.get("ahead_s", 0)  # noqa: TID251 - another system's clock
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        claims |= PERSON | self.told.get("claims", NOTHING)
        said = {name: value for name, value in claims.items() if value is not None}
        key = self.told_key()
        return token(said, key, self.kid, self.told.get("header"))

    def told_key(self) -> PrivateKey:
        """The key that signs: its own, or one that it does not publish."""
        return new_key(algorithm_of(self.keys[self.kid])) if self.told.get("forged") else self.keys[self.kid]

    def _knows(self, request: Request, fields: Json) -> bool:
        scheme, _, pair = request.headers.get("authorization", "").partition(" ")
        if scheme == "Basic":
            name, _, secret = b64decode(pair).decode().partition(":")
            return unquote_plus(name) == CLIENT and compare_digest(unquote_plus(secret), SECRET)
        public = self.told.get("public", False) and "client_secret" not in fields
        return fields.get("client_id") == CLIENT and (public or fields.get("client_secret") == SECRET)

    # How it is told to behave

    async def control(self, request: Request) -> Response:
        wanted = json.loads(await request.body() or b"{}")
        if wanted.pop("reset", False):
            self.reset()
        if algorithm := wanted.pop("rotate", None):
            self.take(new_key(algorithm))
        self.told |= wanted
        return JSONResponse({"asked": self.asked, "kid": self.kid})

    async def elsewhere(self, _: Request) -> Response:
        """Where nobody should have been led."""
        return JSONResponse({})

    async def fault(self, what: str) -> Response | None:
        """Return what is answered instead of what was asked for; None: nothing is wrong."""
        self.asked[what] += 1
        fault = self.told.get("faults", NOTHING).get(what)
        if fault == "slow":
            await asyncio.sleep(2)  # noqa: TID251 - another system's time
        if isinstance(fault, int):
            return JSONResponse({"error": "server_error", "inner": "a secret of the provider"}, fault)
        instead: dict[Any, Response | None] = {
            None: None,
            "slow": JSONResponse({}),
            "garbage": Response(b"\x00<html>not json", media_type="application/json"),
            "list": JSONResponse(["what", "is", "this"]),
            "huge": Response(b" " * (2_000_000 if fault == "huge" else 0) + b"{}"),
            "redirect": RedirectResponse(f"{self.issuer}/elsewhere", 302),
            "empty": JSONResponse({}),
        }
        return instead[fault]


def application(provider: Provider) -> Starlette:
    def faulty(what: str, answer: Any) -> Any:
        async def endpoint(request: Request) -> Response:
            instead: Response | None = await provider.fault(what)
            return instead or await answer(request)

        return endpoint

    return Starlette(
        routes=[
            Route("/.well-known/openid-configuration", faulty("described", provider.describe)),
            Route("/jwks", faulty("keys", provider.publish)),
            Route("/authorize", faulty("authorize", provider.authorize)),
            Route("/token", faulty("token", provider.redeem), methods=["POST"]),
            Route("/elsewhere", faulty("elsewhere", provider.elsewhere)),
            Route("/control", provider.control, methods=["POST"]),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port-file", type=Path, required=True, help="gets the port, once it is heard there")
    told: Path = parser.parse_args().port_file
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    app = application(Provider(f"http://127.0.0.1:{port}"))
    written = told.with_suffix(".part")
    written.write_text(str(port), encoding="ascii")
    written.rename(told)
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])


if __name__ == "__main__":
    main()
