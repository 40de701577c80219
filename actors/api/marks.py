"""Idempotency keys: by them a caller may repeat a request, and have it done once."""

from hashlib import sha256
from typing import Annotated

import msgspec
from fastapi import Header

from actors.api.call import Call
from actors.api.texts import Body
from lts.domain.request_mark import RequestMark

REPLAYED = {"Idempotent-Replayed": "true"}
"""Sent with the answer to a request that was made before."""

IdempotencyKey = Annotated[
    str,
    Header(
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Your own name for this request: repeated under it, it is done once. Kept for two days.",
        examples=["0198c6f2-7d1e-7c1a-9a51-3f6f2a7e6b10"],
    ),
]


def mark_of(call: Call, key: str, body: Body) -> RequestMark:
    """Return the mark of a request: whoever repeats it sends the same body to the same place."""
    told = [call.method, call.scope["route"].path_format, call.path_params, body.model_dump(mode="json")]
    return RequestMark(call.user, key, sha256(msgspec.json.encode(told, order="sorted")).hexdigest())


def replayed(*, repeated: bool) -> dict[str, str]:
    """Return the headers that say whether a request was made before."""
    return dict(REPLAYED) if repeated else {}
