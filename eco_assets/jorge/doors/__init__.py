"""Doors: the ways in which a step's message leaves for another system. Which door is of which kind says `doors.yaml` (docs/doors.md)."""
