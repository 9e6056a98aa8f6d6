"""A stateful Notion server for tests: real HTTP on loopback, spoken to by the unmodified `notion-client`.

Start it with `server.NotionEmulator`; make faults with `faults.FaultPlan`; edit as people do with `people.Person`. Three
gates keep it honest (tests/unit/notion_emulator): recorded traffic, the official schemas, the live API.
"""
