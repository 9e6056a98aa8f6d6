"""Raw assets of configured connections: one a table, read by the connection's connector, outside the daily job.

A source that does not answer fails its own step and is tried again; it never holds up a day's decisions.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from eco_assets.aurion.connections import Connection, connections
from eco_assets.aurion.quality.rules import checks_of
from eco_assets.aurion.stream.connections import KINDS
from eco_assets.defs.aurion import contract_check, raw_key, raw_spec, reported, source_key
from eco_assets.defs.quality import table_checks
from eco_assets.errors import TransientError
from eco_assets.lineage.tell import tell_loads
from eco_assets.settings import Settings
from resources.platform import PlatformResource

GROUP = "connections"
JOB = "sync_connections"
RETRY = dg.RetryPolicy(max_retries=3, delay=30, backoff=dg.Backoff.EXPONENTIAL)


def configured(settings: Settings) -> list[Connection]:
    """Connections that a run reads; the others are followed by the resident ingester, whose files are a source like any other."""
    return [connection for connection in connections(settings.connections_root) if connection.connector not in KINDS]


def connection_assets(settings: Settings) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """A source spec a table, and one multi-asset a connection."""
    found: list[dg.AssetsDefinition | dg.AssetSpec] = []
    for connection in configured(settings):
        found += [*_source_specs(connection), _assets(connection)]
    return found


def connection_checks(settings: Settings) -> Iterator[dg.AssetChecksDefinition]:
    """The quality checks that the contracts of connections declare."""
    for connection in configured(settings):
        contracts = [contract for _, contract in connection.contracts() if checks_of(contract)]
        if contracts:
            yield table_checks(f"connection_{connection.name.replace('-', '_')}", contracts)


def connection_jobs(settings: Settings) -> "tuple[list[dg.UnresolvedAssetJobDefinition], list[dg.ScheduleDefinition]]":
    """The job that reads every connection, and its schedule: every 15 minutes, once somebody turns it on."""
    if not configured(settings):
        return [], []
    job = dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.groups(GROUP),
        executor_def=dg.in_process_executor,
        tags={"agent": "grupo"},
        description="Reads every configured connection on from where it stands.",
    )
    return [job], [dg.ScheduleDefinition(name="connections", job=job, cron_schedule="*/15 * * * *", description="Reads the connections.")]


def _source_specs(connection: Connection) -> Iterator[dg.AssetSpec]:
    for stream, contract in connection.contracts():
        yield dg.AssetSpec(
            source_key(contract),
            description=f"Stream {stream} of connection {connection.name}, by connector {connection.connector}.",
            group_name="sources",
            owners=[f"team:{connection.domain}"],
            kinds={connection.connector},
            tags={"agent": connection.domain, "layer": "sources"},
        )


def _assets(connection: Connection) -> dg.AssetsDefinition:
    contracts = [contract for _, contract in connection.contracts()]

    @dg.multi_asset(
        name=f"connection_{connection.name.replace('-', '_')}",
        specs=[raw_spec(contract).replace_attributes(group_name=GROUP) for contract in contracts],
        check_specs=[contract_check(contract) for contract in contracts],
        can_subset=True,
        retry_policy=RETRY,
        pool=f"connection_{connection.name.replace('-', '_')}",
    )
    def read(context: dg.AssetExecutionContext, platform: PlatformResource) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        chosen = {contract.table for contract in contracts if raw_key(contract) in context.selected_asset_keys}
        engines, began = platform.get(), datetime.now(UTC)
        try:
            for landed in engines.sync(connection.name, chosen):
                tell_loads(engines.settings.home, [landed], began)
                yield reported(landed)
        except TransientError:
            raise  # the retry policy tries again
        except Exception as error:
            raise dg.Failure(str(error), allow_retries=False) from error

    return read
