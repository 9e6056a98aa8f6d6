"""One module a noun of the `eco` command; each holds an `app` that `eco_assets/cli.py` adds."""
