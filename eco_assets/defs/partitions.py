"""Partitions of the graph. Data that is daily is partitioned by business day; nothing else is."""

from __future__ import annotations

import dagster as dg

# The first order that Olist published is of 2016-09-04.
DAILY = dg.DailyPartitionsDefinition(start_date="2016-09-01", timezone="America/Sao_Paulo")
