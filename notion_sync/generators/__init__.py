"""Generators of pages that are not of one day: weekly and monthly reports, decision records, components, risks, ADRs, post-mortems."""
