"""Where every column comes from and who reads it: SQL taken apart by sqlglot, walked as a graph, told to others as OpenLineage events."""
