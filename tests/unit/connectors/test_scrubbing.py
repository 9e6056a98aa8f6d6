"""Secrets are found in a configuration at any depth and taken out of words in every form they come in."""

from __future__ import annotations

import json
from base64 import b64encode
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eco_assets.aurion.connectors.foreign import with_secrets_marked
from eco_assets.aurion.connectors.protocol import Spec
from eco_assets.aurion.connectors.scrub import Scrubber, scrubber, secrets_of


@given(st.text(min_size=4, max_size=40), st.text(max_size=20))
def test_no_form_of_a_secret_survives(secret: str, around: str) -> None:
    scrub = Scrubber([secret])
    for form in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1], b64encode(secret.encode()).decode()):
        if form not in around + "***" and "*" not in form:
            assert form not in scrub(f"{around} {form} {around}").replace(around, "")


def test_secrets_are_found_below_a_marked_property_and_inside_a_json_key() -> None:
    key = json.dumps({"private_key": "-----BEGIN-----", "project_id": "a-project"})
    config = {"host": "h.example", "auth": {"token": "t0ken-one"}, "more": [{"token": ["t0ken-two"]}], "credentials": key}
    found = set(secrets_of({"token", "credentials"}, config))
    assert {"t0ken-one", "t0ken-two", key, "-----BEGIN-----"} <= found
    assert "h.example" not in found


def test_a_short_secret_does_not_garble_every_line() -> None:
    assert Scrubber(["ab"])("a cab") == "a cab"


@pytest.mark.parametrize(
    ("name", "prop", "is_secret"),
    [
        ("api_token", {"type": "string"}, True),
        ("anything", {"type": "string", "airbyte_secret": True}, True),
        ("anything", {"type": ["string", "null"], "secret": True}, True),
        ("client_secret", {"type": ["string", "null"]}, True),
        ("token_url", {"type": "string"}, False),
        ("use_token", {"type": "boolean"}, False),
        ("password", {"type": "string", "const": "password"}, False),
        ("start_date", {"type": "string"}, False),
        ("api_keys", {"type": ["object", "null"]}, True),
        ("credentials", {"type": "object", "properties": {"api_key": {"type": "string"}}}, False),
    ],
)
def test_settings_that_are_secrets_are_marked(name: str, prop: dict[str, object], is_secret: bool) -> None:
    spec = Spec(with_secrets_marked({"type": "object", "properties": {name: prop}}))
    assert (name in spec.secrets) == is_secret


def test_secrets_inside_alternatives_are_marked() -> None:
    option = {"type": "object", "properties": {"access_token": {"type": "string"}, "auth_type": {"const": "token"}}}
    spec = Spec(with_secrets_marked({"type": "object", "properties": {"credentials": {"type": "object", "oneOf": [option]}}}))
    assert spec.secrets == {"access_token"}
    assert scrubber(spec, {"credentials": {"access_token": "shh-shh", "auth_type": "token"}})("shh-shh token") == "*** token"
