"""The gate that a change of a contract passes before it is released; CI runs it over the repository, `eco contracts check` by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import TYPE_CHECKING

from eco_assets.contracts.changes import Change, changes, required_bump
from eco_assets.contracts.compat import entries, faults_of, needed
from eco_assets.contracts.contract import Contract
from eco_assets.contracts.rules import Level
from eco_assets.contracts.terms import Terms, read_terms
from eco_assets.contracts.versions import Finding, History, Release, version_of
from eco_assets.errors import ContractError

if TYPE_CHECKING:
    from eco_assets.lineage.graph import Lineage


def check(contracts: Iterable[Contract], history: History, today: date) -> list[Finding]:
    """Everything that keeps contracts from being released as they are; nothing but warnings when all is well.

    Each contract is held against its newest release, and against every release of its major version: what was promised to the first
    consumer of a major version holds for the last.
    """
    found = list(history.edited())
    for contract in contracts:
        try:
            found.extend(_check(read_terms(contract.path), history, today))
        except ContractError as error:
            found.append(Finding(contract.table, str(error)))
    return found


def releasable(contract: Contract, history: History, today: date) -> list[Change]:
    """The changes since the newest release, when the contract may be released as it is.

    Raises:
        ContractError: it may not; says which version is needed, or what else is missing.
    """
    terms, newest = read_terms(contract.path), history.newest(contract.table)
    found = changes(newest.terms, terms) if newest else []
    if newest and not found:
        raise ContractError(f"{contract.table} is as it was released: {newest.version}; there is nothing to release")
    faults = [*_version_faults(terms, newest, found), *_transitive(terms, history), *_compat(terms, history, today)]
    if faults := [fault for fault in faults if not fault.is_warning]:
        raise ContractError("; ".join(f"{fault.table}: {fault.words}" for fault in faults))
    return found


def _check(terms: Terms, history: History, today: date) -> Iterator[Finding]:
    newest = history.newest(terms.table)
    if newest is None:
        yield Finding(terms.table, f"was never released: `eco contracts release {terms.table}`")
        return
    found = changes(newest.terms, terms)
    faults = list(_version_faults(terms, newest, found))
    yield from faults
    if found and not faults:
        yield Finding(terms.table, f"{terms.contract.version} is not released yet: `eco contracts release {terms.table}`")
    yield from _transitive(terms, history)
    yield from _compat(terms, history, today)


def _version_faults(terms: Terms, newest: Release | None, found: list[Change]) -> Iterator[Finding]:
    """The version must be the one after the newest release, of the level that the changes ask for or, on purpose, of a higher one."""
    version = version_of(terms.contract.version)
    if newest is None:
        return
    if not found:
        if version != newest.version:
            yield Finding(terms.table, f"version {version} says what {newest.version} says: keep {newest.version}")
        return
    needed = required_bump(found)
    if version in [newest.version.next(level) for level in Level if level >= needed]:
        return
    if version < newest.version:
        yield Finding(terms.table, f"version {version} goes back behind the released {newest.version}")
    reasons = "; ".join(str(change) for change in found if change.level is needed)
    yield Finding(
        terms.table, f"version {version} must be {newest.version.next(needed)}, {needed.name.lower()} after {newest.version}: {reasons}"
    )


def _transitive(terms: Terms, history: History) -> Iterator[Finding]:
    version = version_of(terms.contract.version)
    for release in history.releases(terms.table)[:-1]:
        if release.version.major == version.major:
            broken = [change for change in changes(release.terms, terms) if change.level is Level.MAJOR]
            if broken:
                reasons = "; ".join(map(str, broken))
                yield Finding(terms.table, f"breaks {release.version}, which has the same major version: {reasons}")


def _compat(terms: Terms, history: History, today: date) -> Iterator[Finding]:
    """Old major versions must have their views for as long as was promised, and each view must give all it had."""
    newest = history.newest(terms.table)
    if newest is None:
        return
    declared = entries(terms)
    dates = {entry.version: entry.until for entry in declared}
    for promise in needed(newest.terms, terms, today):
        if promise.version not in dates:
            until = f"promised until {promise.until}" if promise.until else "read today"
            yield Finding(terms.table, f"version {promise.version} is {until}: declare it, with a date, under compatibility")
        elif promise.until and dates[promise.version] < promise.until:
            yield Finding(terms.table, f"version {promise.version} was promised until {promise.until}: its date moves later, not earlier")
    for entry in declared:
        old = history.newest(terms.table, entry.version)
        if old is None or entry.version >= version_of(terms.contract.version).major:
            yield Finding(terms.table, f"compatibility names version {entry.version}, which is no earlier major version that was released")
            continue
        yield from (Finding(terms.table, fault) for fault in faults_of(entry, old.terms, terms))
        if today > entry.until:
            words = f"view {terms.contract.entity}_v{entry.version} may go: it was promised until {entry.until}"
            yield Finding(terms.table, words, is_warning=True)


def late_readers(contracts: Iterable[Contract], lineage: Lineage) -> list[Finding]:
    """Who still reads a view of an old version, and until when it is there."""
    found = []
    for contract in contracts:
        for entry in entries(read_terms(contract.path)):
            readers = [consumer for consumer in lineage.consumers(f"raw.{contract.table}_v{entry.version}") if consumer.is_direct]
            found += [
                Finding(contract.table, f"{reader.name} reads version {entry.version}, which ends on {entry.until}", is_warning=True)
                for reader in readers
            ]
    return found
