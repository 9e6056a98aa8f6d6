"""One conformance suite over the connector protocol (`eco_assets/aurion/connectors/protocol.py`).

A test module makes a `Subject` (a connector, its configuration, a source that tests may alter) and inherits the suites that apply:

    from conformance import Credentials, Incremental, Reading, Storms, Subject

    class TestShop(Reading, Incremental, Credentials, Storms):
        @pytest.fixture
        def subject(self, tmp_path):
            with HttpSource() as source:
                yield Shop(source)
"""

import pytest

pytest.register_assert_rewrite("conformance.suite", "conformance.subject")

from conformance.http_source import HttpSource  # noqa: E402 -- after the registration, or its assertions say nothing
from conformance.subject import SECRET, WRONG_SECRET, Row, Subject, rows_from  # noqa: E402
from conformance.suite import Credentials, Deletes, EndlessStorm, Incremental, Reading, Storms, Unreachable  # noqa: E402

__all__ = [
    "SECRET",
    "WRONG_SECRET",
    "Credentials",
    "Deletes",
    "EndlessStorm",
    "HttpSource",
    "Incremental",
    "Reading",
    "Row",
    "Storms",
    "Subject",
    "Unreachable",
    "rows_from",
]
