"""Two-way synchronisation: what to do when the machine and people have both been at a page."""
