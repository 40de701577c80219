"""A machine that trades for carol: how it comes by its API key, and what its node has of its orders."""

import asyncio
from base64 import b64encode

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bus import SECOND, SystemClock
from lts.web.times import to_rfc3339
from tests.chaos.replays.node import Node

CLOCK = SystemClock()
SCOPES = ("orders:write",)


class Robot:
    """Who has a key at a node, and a login by which to look at what came of it."""

    def __init__(self, node: Node) -> None:
        self.secret = Ed25519PrivateKey.generate()
        self.key = ""
        self._node = node
        self._headers: dict[str, str] = {}

    async def enlist(self, scopes: tuple[str, ...] = SCOPES) -> None:
        """Add carol to a running node, and make the key."""
        password = await asyncio.to_thread(self._node.lts, "user", "add", "carol", "--generate")
        wanted = {
            "label": "robot",
            "scopes": [*scopes],
            "expires_at": to_rfc3339(CLOCK.now() + 3_600 * SECOND),
            "public_key": b64encode(self.secret.public_key().public_bytes_raw()).decode(),
        }
        async with httpx.AsyncClient(base_url=self._node.url, timeout=30) as client:
            login = {"user": "carol", "password": password["password"]}
            token = (await client.post("/api/v1/auth/login", json=login)).json()["access_token"]
            self._headers = {"Authorization": f"Bearer {token}"}
            made = await client.post("/api/v1/me/api-keys", json=wanted, headers=self._headers)
        self.key = made.raise_for_status().json()["key"]["id"]

    async def orders(self, quantity: str) -> int:
        """Return how many orders of this quantity the node has."""
        found, cursor = 0, ""
        async with httpx.AsyncClient(base_url=self._node.url, headers=self._headers, timeout=30) as client:
            while cursor is not None:
                query = {"portfolio": "house", "limit": "500"} | ({"cursor": cursor} if cursor else {})
                page = (await client.get("/api/v1/orders", params=query)).raise_for_status().json()
                found += sum(each["quantity"] == quantity for each in page["items"])
                cursor = page["next"]
        return found
