"""The feature store: views declared once, joined to a past moment (offline), served by key (online), and both held against each other."""
