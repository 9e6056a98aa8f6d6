"""Starts what a user adds: a source, a feature, a model, a decision point, a workflow, a report; each is one small file to go on from."""
