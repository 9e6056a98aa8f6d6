"""The catalogue: what datasets there are, what they promise, where they come from and who reads them; as pages and as a search."""
