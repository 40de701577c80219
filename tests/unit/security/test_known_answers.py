"""The algorithms are the published ones: a change fails here, and not on the day of a restore.

Each formula is written down once more, in the plainest way, proven by the vectors of its publication, and
then held against ours. What was sealed by version 1 is kept here, and has to open for ever.
"""

import hmac
import io

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from lts.security.mac import MacKey
from lts.security.node_key import NodeKey, NodeKeys
from lts.security.seal import SealingKey, unwrap
from lts.security.signing import SigningKey, verify
from lts.security.vault import VaultReader, VaultWriter

pytestmark = pytest.mark.requirement("INT-025")

SECRET = bytes(range(32))
NODE_KEY = NodeKey(SECRET)

SECRETS = st.binary(min_size=32, max_size=32)


def hkdf(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869, section 2."""
    key = hmac.digest(salt or bytes(32), secret, "sha256")
    block, blocks = b"", b""
    for number in range(1, -(-length // 32) + 1):
        block = hmac.digest(key, block + info + bytes((number,)), "sha256")
        blocks += block
    return blocks[:length]


def test_hkdf_is_that_of_rfc_5869() -> None:
    secret = b"\x0b" * 22
    assert hkdf(secret, bytes(range(13)), bytes(range(0xF0, 0xFA)), 42).hex() == (
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )
    assert hkdf(secret, b"", b"", 42).hex() == (
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    )


@given(SECRETS, st.text(max_size=40), st.integers(1, 8160))
def test_a_purpose_is_derived_by_hkdf(secret: bytes, purpose: str, length: int) -> None:
    expected = hkdf(secret, b"", b"lts node key: " + purpose.encode(), length)
    assert NodeKey(secret).derive(purpose, length) == expected


def test_what_a_node_key_derives_never_changes() -> None:
    assert NODE_KEY.id == "b67932d1d4df4085"
    assert (
        NODE_KEY.derive("backups").hex() == "55efd8f797e8cd6da058fe11c8a18eeae79d1a94f1af7b36f569fe3efec89bda"
    )
    assert NODE_KEY.derive("backups", 5).hex() == "55efd8f797"


def test_the_text_form_never_changes() -> None:
    text = "lts-node-key-v1 b67932d1d4df4085 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    assert NodeKeys(NODE_KEY).format() == text
    assert NodeKeys.parse(text).current.secret == SECRET


def test_aes_gcm_is_that_of_its_specification() -> None:
    # McGrew and Viega, "The Galois/Counter Mode of Operation", test case 16.
    key = bytes.fromhex("feffe9928665731c6d6a8f9467308308" * 2)
    plaintext = bytes.fromhex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
        "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
    )
    data = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    sealed = AESGCM(key).encrypt(bytes.fromhex("cafebabefacedbaddecaf888"), plaintext, data)
    assert sealed.hex() == (
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
        "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
        "76fc6ece0f4e1768cddf8853bb2d551b"
    )


@given(SECRETS, st.binary(max_size=200), st.binary(max_size=50))
def test_a_sealed_value_is_aes_gcm_in_the_documented_form(
    secret: bytes, plaintext: bytes, context: bytes
) -> None:
    sealed = SealingKey("seal-key", secret).seal(plaintext, context)
    head, nonce, rest = sealed[:10], sealed[10:22], sealed[22:]
    assert head == b"\x01\x08seal-key"
    assert AESGCM(secret).decrypt(nonce, rest, head + nonce + context) == plaintext


def test_a_value_sealed_by_version_1_opens() -> None:
    sealed = bytes.fromhex(
        "01087365616c2d6b657989b2918a2a5e13c19d0c6363beec845fe58211c258956b1664c14b80a71bd528701afeaf1f"
    )
    assert SealingKey("seal-key", SECRET).open(sealed, b"assets/params/7") == b"fast = 12"


def test_a_secret_wrapped_by_version_1_unwraps() -> None:
    wrapped = bytes.fromhex(
        "0110623637393332643164346466343038354ca13afb0fe60fce2a5d84f288de2955ed0427619286eb4f59d0"
        "1cf9f72ad6a57d90d1a053bb58c7444bc41160c64bcf263d923f6829be2d82f83892"
    )
    assert unwrap(NODE_KEY, wrapped, b"mac-key/mac") == bytes(range(32, 64))


@pytest.mark.parametrize(
    ("key", "message", "mac"),
    [
        (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (b"\xaa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    ],
)
def test_a_mac_is_that_of_rfc_4231(key: bytes, message: bytes, mac: str) -> None:
    # HMAC fills a short key up with zeros itself.
    assert MacKey("k", key.ljust(32, b"\0")).mac(message).hex() == mac


@given(SECRETS, st.binary(max_size=300))
def test_a_mac_is_hmac_sha256(secret: bytes, message: bytes) -> None:
    assert MacKey("k", secret).mac(message) == hmac.digest(secret, message, "sha256")


@pytest.mark.parametrize(
    ("secret", "public", "message", "signature"),
    [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            (
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
                "d25bf5f0595bbe24655141438e7a100b"
            ),
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            (
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
                "387b2eaeb4302aeeb00d291612bb0c00"
            ),
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            (
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
                "4a7c15e9716ed28dc027beceea1ec40a"
            ),
        ),
    ],
)
def test_a_signature_is_that_of_rfc_8032(secret: str, public: str, message: str, signature: str) -> None:
    key = SigningKey("k", bytes.fromhex(secret))
    assert key.public.hex() == public
    assert key.sign(bytes.fromhex(message)).hex() == signature
    assert verify(bytes.fromhex(public), bytes.fromhex(signature), bytes.fromhex(message))


def open_plainly(vault: bytes, key: bytes) -> tuple[bytes, bytes]:
    """The header and plaintext of a vault, as its documentation says, and no errors found."""
    assert vault.startswith(b"lts-vault-v1\n")
    salt, size = vault[13:45], int.from_bytes(vault[45:49], "big")
    head, chunks = vault[: 49 + size], vault[49 + size + 32 :]
    mac = hmac.digest(hkdf(key, salt, b"lts vault: head", 32), head, "sha256")
    assert vault[49 + size :][:32] == mac
    cipher = AESGCM(hkdf(key, salt, b"lts vault: chunks", 32))
    sealed = [chunks[start : start + 65_552] for start in range(0, len(chunks), 65_552)]
    plaintext = b"".join(
        cipher.decrypt(number.to_bytes(11, "big") + bytes((number == len(sealed) - 1,)), chunk, None)
        for number, chunk in enumerate(sealed)
    )
    return head[49:], plaintext


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 200_000])
def test_a_vault_has_the_documented_form(size: int) -> None:
    plaintext = bytes(number * 7 % 251 for number in range(size))
    file = io.BytesIO()
    with VaultWriter(file, SECRET, b"a header") as vault:
        vault.write(plaintext)
    assert open_plainly(file.getvalue(), SECRET) == (b"a header", plaintext)


def test_a_vault_of_version_1_opens() -> None:
    file = io.BytesIO(
        bytes.fromhex(
            "6c74732d7661756c742d76310ad60131c866cf0bf3c9bdbfb4ce3d29e75820a9fc24e9f48c05e04a7d525add"
            "74000000066e6f646520313f5d4de2a6aa42ce17f658f2a2445bcef2a13466337f61b81bcee2f84440e8fb07"
            "dce922bdde75df1e15b5ddc1bfb891c68736a4eac35218ca1acd0c"
        )
    )
    vault = VaultReader(file, lambda _: SECRET)
    assert (vault.header, vault.read()) == (b"node 1", b"all that was")
