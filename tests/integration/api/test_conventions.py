"""What every answer has, whatever was asked."""

import asyncio
import re
import socket
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from actors.api.actor import Api
from actors.api.params import ApiLimits, ApiParams, Premises, Rate
from bus import Bus, LiveDriver, Pressure, PressureChanged
from lts.domain.access import AccessChanged
from lts.domain.api import GetApi
from lts.domain.health import HealthStatus
from lts.domain.market import Quote
from lts.refusal import Refused
from tests.api import BAR, NOW, WIDE, Scene, scene, signature

EVERYWHERE = "0.0.0.0"  # noqa: S104 - it is refused

pytestmark = pytest.mark.requirement("INT-011", "INT-012", "INT-014", "INT-015", "INT-027")


def problem(answer: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    """The problem document of an answer, which has to be one."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    document: dict[str, Any] = answer.json()
    assert document["type"] == f"urn:lts:problem:{slug}"
    assert document["status"] == status
    assert document["correlation_id"] == answer.headers["x-correlation-id"]
    return document


async def test_a_caller_may_name_a_request_and_no_other_names_are_taken(api: Scene) -> None:
    named = await api.get("/health/live", headers={"X-Correlation-Id": "my-request-0001"})
    assert named.headers["x-correlation-id"] == "my-request-0001"
    for bad in ("short", "has spaces in it", "<script>alert(1)</script>", "x" * 65):
        answer = await api.get("/health/live", headers={"X-Correlation-Id": bad})
        assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-correlation-id"])


async def test_every_answer_has_the_headers_of_security(api: Scene) -> None:
    for path in ("/api/v1/health/live", "/nowhere", "/api/v1/me", "/api/v1/docs"):
        headers = (await api.ask("GET", path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "server" not in headers
        assert "access-control-allow-origin" not in headers


async def test_what_is_not_there_and_what_cannot_be_done_are_problems(api: Scene) -> None:
    problem(await api.get("/nowhere", "ada"), 404, "not-found")
    refused = await api.ask("DELETE", "/api/v1/portfolios/main", "ada")
    problem(refused, 405, "method-not-allowed")
    assert refused.headers["allow"] == "GET"
    problem(await api.ask("OPTIONS", "/api/v1/portfolios/main", "ada"), 405, "method-not-allowed")


async def test_a_failure_inside_tells_nothing_of_the_inside(
    api: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    api.api.port.premises = None
    answer = await api.get("/quotes", "ada", headers={"X-Correlation-Id": "find-me-in-the-log"})
    document = problem(answer, 500, "internal")
    assert set(document) == {"type", "title", "status", "correlation_id"}
    assert "find-me-in-the-log" in capsys.readouterr().out


async def test_what_nobody_answers_is_unavailable_for_now(api: Scene) -> None:
    api.bus.wiring.disconnect(api.bus.cells["house"])
    answer = await api.get("/trading-states", "alice")
    problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"] == "1"
    problem(await api.get("/health/ready"), 503, "unavailable")
    assert (await api.get("/health/live")).status_code == 200


async def test_a_part_that_does_not_work_makes_it_unready(api: Scene) -> None:
    assert (await api.get("/health/ready")).json() == {"status": "ok"}
    api.house.status = HealthStatus.FAILED
    problem(await api.get("/health/ready"), 503, "unavailable")


async def test_while_there_is_too_much_to_do_only_what_is_urgent_is_served(api: Scene) -> None:
    await api.publish(PressureChanged("desk", Pressure.HIGH, 10_001))
    problem(await api.get("/portfolios/main", "alice"), 503, "unavailable")
    assert (await api.get("/trading-states", "alice")).status_code == 200
    await api.publish(PressureChanged("desk", Pressure.NORMAL, 10))
    assert (await api.get("/portfolios/main", "alice")).status_code == 200


async def test_a_token_is_asked_after_once_until_something_changes(api: Scene) -> None:
    for _ in range(3):
        assert (await api.get("/me", "alice")).status_code == 200
    assert api.registry.asked == 1
    await api.publish(AccessChanged("bob"))
    assert (await api.get("/me", "alice")).status_code == 200
    assert api.registry.asked == 1
    await api.publish(AccessChanged("alice"))
    problem(await api.get("/me", "alice"), 401, "unauthenticated")


async def test_a_token_that_has_expired_is_asked_after_anew(api: Scene) -> None:
    api.registry.expires_at = NOW  # long ago
    for _ in range(2):
        assert (await api.get("/me", "alice")).status_code == 200
    assert api.registry.asked == 2


async def test_the_limit_of_an_address_is_told_and_kept() -> None:
    limits = ApiLimits(address=Rate(3))
    async with scene(ApiParams(limits=limits)) as api:
        answers = [await api.get("/health/live") for _ in range(4)]
        assert [each.status_code for each in answers] == [200, 200, 200, 429]
        assert answers[0].headers["ratelimit-policy"] == '"address";q=3;w=60'
        assert answers[0].headers["ratelimit"].startswith('"address";r=2;t=')
        assert 0 < int(answers[3].headers["retry-after"]) <= 20
        problem(answers[3], 429, "too-many")


async def test_one_user_cannot_use_up_what_another_has() -> None:
    async with scene(ApiParams(limits=ApiLimits(user=Rate(2), login=Rate(1)))) as api:
        assert [(await api.get("/me", "alice")).status_code for _ in range(3)] == [200, 200, 429]
        assert (await api.get("/me", "bob")).status_code == 200
        body = {"user": "alice", "password": "wrong"}
        tried = [await api.ask("POST", "/api/v1/auth/login", json=body) for _ in range(2)]
        assert [each.status_code for each in tried] == [401, 429]
        assert tried[1].headers["ratelimit-policy"].startswith('"login";q=1')


async def test_what_the_access_plugin_slows_down_is_told_when_to_come_back(api: Scene) -> None:
    body = {"user": "locked", "password": "wrong"}
    answer = await api.ask("POST", "/api/v1/auth/login", json=body)
    problem(answer, 429, "too-many")
    assert answer.headers["retry-after"] == "30"


async def test_another_host_is_not_served(api: Scene) -> None:
    for host in ("evil.example", "", "localhost.evil.example"):
        problem(await api.get("/health/live", headers={"Host": host}), 421, "misdirected")
    assert (await api.get("/health/live", headers={"Host": "localhost:1"})).status_code == 200


async def test_proxies_are_believed_only_when_they_are_named() -> None:
    told = {"X-Forwarded-For": "198.51.100.7, 203.0.113.9", "X-Forwarded-Proto": "https"}
    async with scene(ApiParams(limits=WIDE)) as api:
        answer = await api.get("/health/live", headers=told)
        assert "strict-transport-security" not in answer.headers
    behind = ApiParams(proxies=("127.0.0.0/8",), limits=ApiLimits(address=Rate(1)))
    async with scene(behind) as api:
        assert (await api.get("/health/live", headers=told)).status_code == 200
        answer = await api.get("/health/live", headers={**told, "X-Forwarded-For": "203.0.113.10"})
        assert answer.status_code == 200  # another address: 203.0.113.9 has used up what it had
        assert "strict-transport-security" in answer.headers
        spoofed = {**told, "X-Forwarded-For": "1.2.3.4, 203.0.113.9"}
        assert (await api.get("/health/live", headers=spoofed)).status_code == 429
        for address, status in (("2001:db8::1", 200), ("2001:db8::ffff:2", 429), ("2001:db8:0:1::1", 200)):
            answer = await api.get("/health/live", headers={"X-Forwarded-For": address})
            assert answer.status_code == status  # a /64 is one subscriber's


async def test_other_sites_may_call_only_when_they_are_named() -> None:
    asked = {"Origin": "https://desk.example", "Access-Control-Request-Method": "GET"}
    async with scene(ApiParams(origins=("https://desk.example",), limits=WIDE)) as api:
        answer = await api.ask("OPTIONS", "/api/v1/me", headers=asked)
        assert answer.headers["access-control-allow-origin"] == "https://desk.example"
        other = await api.get("/health/live", headers={"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers


async def test_the_page_has_nothing_from_elsewhere_and_no_script(api: Scene) -> None:
    page = (await api.get("/docs")).text
    assert 'id="logIn"' in page
    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page
    assert (await api.get("/docs.css")).headers["content-type"].startswith("text/css")


async def test_what_is_under_way_is_answered_before_the_end(api: Scene) -> None:
    before = api.api.port.ask

    async def slowly(*asked: Any) -> Any:
        await pause_briefly()
        return await before(*asked)

    api.api.port.ask = slowly
    under_way = asyncio.ensure_future(api.get("/trading-states", "alice"))
    await pause_briefly()
    await api.api.service.stop()
    assert (await under_way).status_code == 200
    with pytest.raises(httpx.ConnectError):
        await httpx.AsyncClient().get(api.api.service.url)


async def pause_briefly() -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), 0.1)


async def test_it_says_where_it_is_and_keeps_the_latest_prices(api: Scene) -> None:
    await api.publish(BAR)
    await api.publish(Quote("BTC/USD", NOW, 1.0, 2.0, 3.0, 4.0))
    bar, quote = (await api.get("/quotes", "alice")).json()["items"][::-1]
    assert (bar["close"], bar["bid"], quote["bid"], quote["close"]) == (2.0, None, 1.0, None)
    one = await api.get("/instruments/BTC%2FUSD/quote", "alice")
    assert one.json() == quote
    assert api.api.tell(GetApi()).url == api.api.service.url


async def test_a_signed_request_is_taken_once(api: Scene) -> None:
    headers = signature("sam", b"", {}, nonce="once")
    first = await api.inner.get("/api/v1/me", headers=headers)
    again = await api.inner.get("/api/v1/me", headers=headers)
    assert first.json()["user"] == "sam"
    problem(again, 401, "replayed")


def certificate(directory: Path) -> tuple[str, str]:
    """A certificate for this machine alone, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime(2026, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = directory / "certificate.pem", directory / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return str(files[0]), str(files[1])


@pytest.mark.requirement("INT-028")
async def test_with_a_certificate_it_speaks_tls(tmp_path: Path) -> None:
    chain, key = certificate(tmp_path)
    async with scene(ApiParams(certificate=chain, key=key, limits=WIDE)) as api:
        trusting = httpx.AsyncClient(verify=ssl.create_default_context(cafile=chain))
        answer = await trusting.get(f"{api.api.service.url}/api/v1/health/live")
        assert answer.url.scheme == "https"
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        await trusting.aclose()


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        (ApiParams(host=EVERYWHERE), "plain HTTP can be read on the way"),
        (ApiParams(host=EVERYWHERE, proxies=("10.0.0.1",)), "name the hosts by which the API is called"),
        (ApiParams(host="not an address"), "takes addresses in numbers"),
        (ApiParams(proxies=("10.0.0.0/99",)), "takes addresses in numbers"),
        (ApiParams(certificate="only.pem"), "a certificate and its key go together"),
        (ApiParams(certificate="gone.pem", key="gone.key"), "the certificate cannot be used"),
    ],
)
@pytest.mark.requirement("INT-028", "INT-018")
async def test_what_is_not_safe_is_not_served(params: ApiParams, reason: str) -> None:
    assert reason in await refused(params)


async def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        assert f"cannot be served at 127.0.0.1:{number}" in await refused(ApiParams(port=number))


async def refused(params: ApiParams) -> str:
    bus = Bus(LiveDriver(), hopeless=(Refused,))
    cell = bus.spawn(Api, params, name="api", assignment=Premises())
    await bus.started()
    await bus.stop()
    return cell.reason
