"""Column lineage of single queries, over planted shapes of SQL: what each output is made of, and what the query cannot do without."""

from __future__ import annotations

import pytest

from eco_assets.lineage.columns import Ref, analyse

SCHEMA = {"raw.s.t": ("a", "b", "d"), "raw.s.u": ("a", "b", "e"), "staging.v": ("a", "n")}


def made_of(sql: str, column: str) -> set[str]:
    found = analyse(sql, SCHEMA)
    assert found.problems == ()
    return {str(ref).removeprefix("raw.s.") for ref in found.outputs[column].sources}


@pytest.mark.parametrize(
    ("shape", "sql", "column", "sources", "how"),
    [
        ("a rename", "SELECT a AS z FROM raw.s.t", "z", {"t.a"}, "same"),
        ("a table of the home database", "SELECT n FROM staging.v", "n", {"staging.v.n"}, "same"),
        ("the home database by name", 'SELECT n FROM "eco"."staging"."v"', "n", {"staging.v.n"}, "same"),
        ("an expression", "SELECT a + b AS z FROM raw.s.t", "z", {"t.a", "t.b"}, "expression"),
        ("a cast", "SELECT CAST(a AS DOUBLE) AS z FROM raw.s.t", "z", {"t.a"}, "expression"),
        ("a CTE", "WITH c AS (SELECT a AS x, b FROM raw.s.t) SELECT x AS z FROM c", "z", {"t.a"}, "same"),
        (
            "a CTE over a CTE",
            "WITH c AS (SELECT a FROM raw.s.t), e AS (SELECT a + 1 AS y FROM c) SELECT y FROM e",
            "y",
            {"t.a"},
            "expression",
        ),
        ("a subquery", "SELECT z FROM (SELECT b AS z FROM raw.s.t)", "z", {"t.b"}, "same"),
        ("a star", "SELECT * FROM raw.s.t", "d", {"t.d"}, "same"),
        ("a star without some", "SELECT * EXCLUDE (a) FROM raw.s.t", "b", {"t.b"}, "same"),
        ("a star with another", "SELECT * REPLACE (a + d AS b) FROM raw.s.t", "b", {"t.a", "t.d"}, "expression"),
        ("a star of one table", "SELECT u.* FROM raw.s.t t JOIN raw.s.u u USING (a)", "e", {"u.e"}, "same"),
        ("a column that a join shares", "SELECT a FROM raw.s.t JOIN raw.s.u USING (a)", "a", {"t.a", "u.a"}, "expression"),
        ("an unqualified column beside USING", "SELECT e FROM raw.s.t JOIN raw.s.u USING (a)", "e", {"u.e"}, "same"),
        ("an ASOF join", "SELECT u.e FROM raw.s.t t ASOF LEFT JOIN raw.s.u u ON t.a = u.a AND t.d >= u.b", "e", {"u.e"}, "same"),
        ("a window", "SELECT sum(a) OVER (PARTITION BY b ORDER BY d) AS z FROM raw.s.t", "z", {"t.a", "t.b", "t.d"}, "aggregate"),
        ("a named window", "SELECT sum(a) OVER w AS z FROM raw.s.t WINDOW w AS (ORDER BY d)", "z", {"t.a", "t.d"}, "aggregate"),
        ("a filtered aggregate", "SELECT sum(a) FILTER (WHERE b > 1) AS z FROM raw.s.t", "z", {"t.a", "t.b"}, "aggregate"),
        ("an aggregate of two", "SELECT arg_max(a, d) AS z FROM raw.s.t", "z", {"t.a", "t.d"}, "aggregate"),
        ("a count of rows", "SELECT count(*) AS z FROM raw.s.t", "z", {"t.*"}, "rows"),
        (
            "a count of a CTE's rows",
            "WITH c AS (SELECT a FROM raw.s.t), o AS (SELECT b FROM raw.s.u) SELECT count(*) AS z FROM c",
            "z",
            {"t.*"},
            "rows",
        ),
        ("a row number", "SELECT row_number() OVER () AS z FROM raw.s.t", "z", {"t.*"}, "rows"),
        ("a union by position", "SELECT a, b FROM raw.s.t UNION ALL SELECT b, a FROM raw.s.u", "b", {"t.b", "u.a"}, "same"),
        ("a union by name", "SELECT a, b FROM raw.s.t UNION ALL BY NAME SELECT b, a FROM raw.s.u", "b", {"t.b", "u.b"}, "same"),
        ("a union by name of a column of one side", "SELECT a FROM raw.s.t UNION ALL BY NAME SELECT e FROM raw.s.u", "e", {"u.e"}, "same"),
        ("a scalar subquery", "SELECT a + (SELECT max(b) FROM raw.s.u) AS z FROM raw.s.t", "z", {"t.a", "u.b"}, "aggregate"),
        ("a correlated subquery", "SELECT (SELECT max(e) FROM raw.s.u u WHERE u.a = t.a) AS z FROM raw.s.t t", "z", {"u.e"}, "aggregate"),
        ("an alias that is used again", "SELECT a + 1 AS y, y * b AS z FROM raw.s.t", "z", {"t.a", "t.b"}, "expression"),
        (
            "a recursive CTE",
            "WITH RECURSIVE r AS (SELECT a FROM raw.s.t UNION ALL SELECT a + 1 FROM r WHERE a < 9) SELECT a FROM r",
            "a",
            {"t.a"},
            "expression",
        ),
        ("an unnested list", "SELECT unnest([a, b]) AS z FROM raw.s.t", "z", {"t.a", "t.b"}, "expression"),
        (
            "a lateral join",
            "SELECT m AS z FROM raw.s.t t, LATERAL (SELECT max(b) AS m FROM raw.s.u u WHERE u.a = t.a)",
            "z",
            {"u.b"},
            "aggregate",
        ),
        ("a constant", "SELECT 'x' AS z FROM raw.s.t", "z", set(), "constant"),
        ("a parameter", "SELECT CAST($as_of AS DATE) AS z FROM raw.s.t", "z", set(), "clock"),
        ("values", "SELECT x AS z FROM (VALUES (1), (2)) v(x) CROSS JOIN raw.s.t", "z", set(), "constant"),
        ("a case", "SELECT CASE WHEN a > 1 THEN b END AS z FROM raw.s.t", "z", {"t.a", "t.b"}, "expression"),
        (
            "a table whose columns nobody knows",
            "SELECT p FROM predictions.x WHERE as_of = $as_of ORDER BY p",
            "p",
            {"predictions.x.p"},
            "same",
        ),
    ],
)
def test_a_column_leads_to_what_it_is_made_of(shape: str, sql: str, column: str, sources: set[str], how: str) -> None:
    assert made_of(sql, column) == sources, shape
    assert analyse(sql, SCHEMA).outputs[column].how == how, shape


def test_a_business_day_is_told_from_a_constant() -> None:
    found = analyse("SELECT CAST('2999-12-31' AS DATE) AS day, CAST('2020-01-01' AS DATE) AS other FROM raw.s.t", SCHEMA, ("2999-12-31",))

    assert (found.outputs["day"].how, found.outputs["other"].how) == ("clock", "constant")


@pytest.mark.parametrize(
    ("sql", "needed"),
    [
        ("SELECT a FROM raw.s.t WHERE b = 1", {"a", "b"}),
        ("SELECT count(*) AS n FROM raw.s.t GROUP BY d", {"d"}),
        ("SELECT a FROM raw.s.t QUALIFY row_number() OVER (PARTITION BY b ORDER BY d) = 1", {"a", "b", "d"}),
        ("SELECT a FROM raw.s.t ORDER BY d LIMIT 1", {"a", "d"}),
        ("SELECT u.e FROM raw.s.u u JOIN raw.s.t t ON t.b = u.b", {"b"}),
        ("SELECT u.e FROM raw.s.u u WHERE EXISTS (SELECT 1 FROM raw.s.t t WHERE t.d = u.e)", {"d"}),
        ("WITH c AS (SELECT * FROM raw.s.t) SELECT a FROM c", {"a"}),
        ("WITH c AS (SELECT DISTINCT a, b FROM raw.s.t) SELECT a FROM c", {"a", "b"}),
        ("SELECT avg(a) AS share FROM raw.s.t HAVING share < 1", {"a"}),
    ],
)
def test_a_query_needs_what_it_filters_and_joins_by_and_nothing_that_a_star_brought_along(sql: str, needed: set[str]) -> None:
    found = analyse(sql, SCHEMA)

    assert found.problems == ()
    assert {ref.column for ref in found.uses if ref.table == "raw.s.t"} == needed


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT nowhere FROM raw.s.t", "nowhere"),
        ("SELECT t.nowhere FROM raw.s.t t", "nowhere"),
        ("SELECT COLUMNS('a|b') FROM raw.s.t", "COLUMNS"),
        ("SELECT * FROM predictions.unknown", "cannot be resolved"),
        ("SELECT FROM WHERE", "cannot be parsed"),
        ("SELECT a FROM raw.s.t WHERE gone = 1", "gone"),
    ],
)
def test_what_cannot_be_resolved_is_said(sql: str, words: str) -> None:
    assert any(words in problem for problem in analyse(sql, SCHEMA).problems)


def test_every_table_that_is_read_is_named_once_and_no_cte_is() -> None:
    found = analyse("WITH c AS (SELECT a FROM raw.s.t) SELECT c.a FROM c JOIN raw.s.u u USING (a) JOIN staging.v v USING (a)", SCHEMA)

    assert found.tables == {"raw.s.t", "raw.s.u", "staging.v"}
    assert Ref("staging.v", "a") in found.uses


def test_a_table_of_which_nothing_is_known_hides_no_other() -> None:
    assert analyse("SELECT a FROM raw.s.t", {**SCHEMA, "staging.broken": ()}).outputs["a"].sources == {Ref("raw.s.t", "a")}
