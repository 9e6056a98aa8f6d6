"""The arrivals sensor: a load for each set of new files, once, and again when it failed."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from pydantic import ValidationError

from eco_assets.contracts.contract import SOURCES, Contract, read_contract
from eco_assets.defs.stream import arrival_job, arrival_jobs, stream_sources
from eco_assets.platform import Platform
from eco_assets.settings import Settings
from resources.platform import PlatformResource
from sensors.arrivals import BEGINNING, RETRY_S, TAG, Cursor, Outcome, arrivals_sensor, plan

FOLDER = "industrial/machine_events"


def file(number: int, connection: str = "line-1") -> str:
    return f"{FOLDER}/{connection}-20260101T000000{number:06d}Z-{number:06d}.parquet"


def done(_key: str) -> Outcome:
    return "done"


def failed(_key: str) -> Outcome:
    return "failed"


def test_an_empty_inbox_asks_for_nothing() -> None:
    todo = plan(BEGINNING, [], done, 0)
    assert (todo.run_key, todo.reason, todo.cursor) == ("", "no new file", BEGINNING)


def test_all_new_files_share_one_run_whose_key_is_the_newest() -> None:
    todo = plan(BEGINNING, [file(3), file(1), file(2, "other")], done, 0)
    assert todo.run_key == file(3)
    assert plan(todo.cursor, [file(1), file(2, "other"), file(3)], done, 0).run_key == ""


def test_a_later_file_asks_again_although_the_earlier_ones_were_removed() -> None:
    first = plan(BEGINNING, [file(1)], done, 0)
    assert plan(first.cursor, [file(2)], done, 0).run_key == file(2)


def test_a_connection_whose_names_are_smaller_than_anothers_is_not_overlooked() -> None:
    first = plan(BEGINNING, [file(9, "zulu")], done, 0)
    assert plan(first.cursor, [file(9, "zulu"), file(1, "alfa")], done, 0).run_key == file(1, "alfa")


def test_a_daemon_that_died_before_it_remembered_asks_for_the_same_run() -> None:
    assert plan(BEGINNING, [file(1), file(2)], done, 0).run_key == plan(BEGINNING, [file(1), file(2)], done, 60).run_key


def test_while_a_load_runs_new_files_wait_and_are_asked_for_afterwards() -> None:
    first = plan(BEGINNING, [file(1)], done, 0)
    meanwhile = plan(first.cursor, [file(1), file(2)], lambda _: "running", 0)
    assert meanwhile.run_key == "" and "not done" in meanwhile.reason
    assert plan(meanwhile.cursor, [file(1), file(2)], done, 0).run_key == file(2)


@pytest.mark.parametrize("outcome", ["failed", "missing"])
def test_a_load_that_did_not_succeed_is_asked_for_again_after_a_pause_and_not_for_ever(outcome: Outcome) -> None:
    cursor, now, keys = plan(BEGINNING, [file(1)], done, 0.0).cursor, 0.0, []
    for pause in RETRY_S:
        assert plan(cursor, [file(1)], lambda _: outcome, now + pause - 1).run_key == ""
        now += pause
        again = plan(cursor, [file(1)], lambda _: outcome, now)
        cursor, keys = again.cursor, [*keys, again.run_key]
    assert keys == [f"{file(1)}#{number}" for number in (1, 2, 3)]
    last = plan(cursor, [file(1)], lambda _: outcome, now + 1e6)
    assert last.run_key == "" and "look at its run" in last.reason
    assert plan(cursor, [file(1), file(2)], lambda _: outcome, now).run_key == file(2), "a new file asks for all of them"


def test_a_load_that_failed_after_its_files_were_loaded_is_left_alone() -> None:
    first = plan(BEGINNING, [file(1)], done, 0)
    assert plan(first.cursor, [], failed, 1e6).run_key == ""


def test_a_cursor_comes_back_as_it_was_and_a_damaged_one_is_noticed() -> None:
    from sensors.arrivals import _CURSOR

    kept = Cursor({f"{FOLDER}/line-1": "x"}, "key", 5.0, 2)
    assert _CURSOR.validate_json(kept.dumps()) == kept
    with pytest.raises(ValidationError):
        _CURSOR.validate_json('{"newest": 3}')


@pytest.fixture(scope="module")
def contract() -> Contract:
    return read_contract(SOURCES / "industrial" / "machine_events.odcs.yaml")


class Loader:
    """A toy raw asset with the real key, and the real sensor and job, on an instance of its own."""

    def __init__(self, instance: dg.DagsterInstance, platform: Platform, contract: Contract) -> None:
        self.instance, self.platform, self.fails = instance, platform, False
        self.days: list[str] = []
        self._cursor: str | None = None
        self.resources = {"platform": PlatformResource.of(platform)}

        @dg.multi_asset(name="aurion_industrial", specs=[dg.AssetSpec(["raw", *contract.table.split(".")])], can_subset=True)
        def raw(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
            self.days.append(context.run.tags["dagster/partition"])
            if self.fails:
                raise dg.Failure("the lake is busy")
            yield dg.MaterializeResult(asset_key=["raw", *contract.table.split(".")])

        sensor = arrivals_sensor("industrial", [contract])
        self.definitions = dg.Definitions(
            assets=[raw, *stream_sources([contract])],
            jobs=[*arrival_jobs([contract], updated={})],
            sensors=[sensor],
            resources=self.resources,
        )

    def arrive(self, number: int) -> None:
        path = self.platform.settings.inbox / file(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 10)

    def tick(self, *, remembers: bool = True) -> list[str]:
        """What a daemon does: evaluate, run what was not run under its key, remember. Returns the keys that were run."""
        repository = self.definitions.get_repository_def()
        context = dg.build_sensor_context(self.instance, self._cursor, repository_def=repository, resources=self.resources)
        data = repository.get_sensor_def("industrial_arrivals").evaluate_tick(context)
        ran = []
        for request in data.run_requests or []:
            assert request.run_key and request.tags
            if not self.instance.get_runs(dg.RunsFilter(tags={TAG: request.run_key})):
                job = self.definitions.resolve_job_def(arrival_job("industrial"))
                job.execute_in_process(instance=self.instance, tags=request.tags, raise_on_error=False)
                ran.append(request.run_key)
        if remembers:
            self._cursor = data.cursor
        return ran


@pytest.fixture
def loader(tmp_path: Path, contract: Contract) -> Iterator[Loader]:
    data = tmp_path / "data"
    data.mkdir()
    with dg.DagsterInstance.ephemeral() as instance:
        yield Loader(instance, Platform(Settings(home=tmp_path / "home", data=data)), contract)


def test_files_between_two_ticks_are_loaded_once_and_the_run_has_a_day_to_book_its_cost_on(loader: Loader) -> None:
    assert loader.tick() == []
    loader.arrive(1)
    loader.arrive(2)
    assert loader.tick() == [file(2)]
    assert loader.tick() == []
    assert len(loader.days) == 1 and len(loader.days[0]) == 10


def test_a_tick_whose_cursor_was_lost_with_its_daemon_starts_no_second_run(loader: Loader) -> None:
    loader.arrive(1)
    assert loader.tick(remembers=False) == [file(1)]
    assert loader.tick() == []
    loader.arrive(2)
    assert loader.tick() == [file(2)]


def test_a_failed_run_is_asked_for_again(loader: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    loader.fails = True
    loader.arrive(1)
    loader.tick()
    loader.fails = False
    assert loader.tick() == [], "not at once"
    monkeypatch.setattr("sensors.arrivals.RETRY_S", (0.0, 0.0, 0.0))
    assert loader.tick() == [f"{file(1)}#1"]
    assert loader.tick() == []


def test_the_source_is_observed_with_its_newest_file_and_what_waits(loader: Loader, contract: Contract) -> None:
    loader.arrive(1)
    loader.arrive(2)
    key = dg.AssetKey(["source", "industrial", "machine_events"])
    beat = loader.platform.settings.home / "ingester" / "line-1" / "heartbeat.json"
    beat.parent.mkdir(parents=True)
    beat.write_text('{"state": "reading", "lag_s": 1.5}')
    loader.tick()
    (record,) = loader.instance.fetch_observations(key, limit=1).records
    observation = record.asset_observation
    assert observation is not None and observation.data_version == file(2).rpartition("/")[2]
    shown = {name: entry.value for name, entry in observation.metadata.items()}
    assert (shown["files_waiting"], shown["lag_s"], shown["connections_alive"]) == (2, 1.5, 1)
