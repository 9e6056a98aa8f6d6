"""What the sensor asks for, as a pure function: soon after something happened, regularly, again after a failure, never twice at once."""

from __future__ import annotations

from pathlib import Path

from sensors.feedback import RETRY_S, Cursor, Outcome, Seen, fingerprint, plan

POLL, NOTHING = 300.0, Seen()


class Clock:
    """Ticks of one sensor over time, with the runs that it asked for."""

    def __init__(self) -> None:
        self.now, self.cursor = 1_000_000.0, Cursor()
        self.runs: dict[str, Outcome] = {}

    def tick(self, seen: Seen = NOTHING, wait: float = 30.0) -> str:
        self.now += wait
        todo = plan(self.cursor, seen, lambda key: self.runs.get(key, "missing"), self.now, POLL)
        repeated = plan(self.cursor, seen, lambda key: self.runs.get(key, "missing"), self.now, POLL)
        assert repeated == todo, "a tick that is killed and repeated asks for the same run"
        self.cursor = todo.cursor
        if todo.run_key:
            assert todo.run_key not in self.runs
            self.runs[todo.run_key] = "done"
        return todo.run_key


def test_a_quiet_base_is_looked_at_once_a_poll() -> None:
    clock = Clock()
    asked = [clock.tick() for _ in range(60)]  # half an hour
    assert sum(map(bool, asked)) == 6


def test_each_thing_that_is_new_asks_once() -> None:
    clock = Clock()
    clock.tick()
    for seen in (Seen(1), Seen(1, 4), Seen(1, 4, "f1"), Seen(2, 4, "f1")):
        assert clock.tick(seen)
        assert not clock.tick(seen)


def test_nothing_is_asked_while_a_run_is_on_and_what_came_meanwhile_is_asked_after_it() -> None:
    clock = Clock()
    key = clock.tick(Seen(1))
    clock.runs[key] = "running"
    assert not any(clock.tick(Seen(2)) for _ in range(40))
    clock.runs[key] = "done"
    assert clock.tick(Seen(2))


def test_a_run_that_failed_is_asked_for_again_after_pauses() -> None:
    clock = Clock()
    key = clock.tick(Seen(1))
    clock.runs[key] = "failed"
    keys = []
    for pause in RETRY_S:
        assert not clock.tick(Seen(1), pause / 2)
        keys.append(clock.tick(Seen(1), pause))
        clock.runs[keys[-1]] = "failed"
    assert keys == [f"{key}#{number}" for number in (1, 2, 3)]
    assert not clock.tick(Seen(1), POLL)
    assert clock.tick(Seen(1), RETRY_S[-1]), "polling goes on for ever"
    assert clock.tick(Seen(2)), "and something new does not wait for it"


def test_a_cursor_comes_back_as_it_was_kept() -> None:
    from sensors.feedback import _CURSOR

    cursor = Cursor(Seen(3, 4, "f"), "key", 5.5, 2)
    assert _CURSOR.validate_json(cursor.dumps()) == cursor


def test_a_fingerprint_tells_of_changed_new_and_deleted_pages(tmp_path: Path) -> None:
    found = {fingerprint(tmp_path / "none"), fingerprint(tmp_path)}
    page = tmp_path / "a" / "b.md"
    page.parent.mkdir()
    for text in ("one", "three"):
        page.write_text(text)
        found.add(fingerprint(tmp_path))
    assert len(found) == 3
    page.unlink()
    assert fingerprint(tmp_path) in found
