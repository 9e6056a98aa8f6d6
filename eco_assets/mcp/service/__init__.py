"""The decision layer's doors: HTTP (`app.py`) and the Model Context Protocol (`tools.py`), over one `Decider`."""
