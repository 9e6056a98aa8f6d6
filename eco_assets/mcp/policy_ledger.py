"""Policies in the ledger: the text of every version that decided, once, and no version with two contents."""

from __future__ import annotations

import json
from typing import Any

from eco_assets.errors import NotFound, PolicyError
from eco_assets.ledger import Entry, Ledger, canonical
from eco_assets.mcp.policies import Policy, parse_policy

KIND = "policy"


def register(ledger: Ledger, policy: Policy, as_of: str) -> None:
    """Put a policy's text into the ledger before it decides for the first time.

    Raises:
        PolicyError: decisions were made by this version with another content.
        LedgerError: the ledger cannot be written.
    """
    if ledger.holds(KIND, policy.digest):
        return
    body: dict[str, Any] = {"name": policy.name, "version": policy.version, "digest": policy.digest, "text": policy.text}
    with ledger.session() as session, session.transaction() as tail:
        for _, identity, _, _, text in tail.since(0, [KIND]):
            used = json.loads(text)
            if (used["name"], used["version"]) == (policy.name, policy.version) and identity != policy.digest:
                raise PolicyError(
                    f"{policy.name} {policy.version} has decided with another content (digest {identity[:12]}, now {policy.digest[:12]}): "
                    "raise its version; `eco policy diff` tells by how much"
                )
        if tail.body(KIND, policy.digest) is None:
            tail.insert(Entry(KIND, policy.digest, policy.agent, as_of, body), canonical(body))


def recorded_policy(ledger: Ledger, digest: str) -> Policy:
    """The policy that decided under a digest.

    Raises:
        NotFound: the ledger holds no policy with it; decisions from before texts were kept have none.
    """
    if not ledger.holds(KIND, digest):
        raise NotFound(f"no policy with the digest {digest[:12]} is in the ledger: it decided before texts were kept, or in another home")
    body = ledger.get(KIND, digest)
    policy = parse_policy(body["text"], f"ledger {body['name']} {body['version']}")
    if policy.digest != digest:
        raise PolicyError(f"{body['name']} {body['version']}: the engine reads its text as digest {policy.digest[:12]}, not {digest[:12]}")
    return policy
