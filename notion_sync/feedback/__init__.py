"""What people said on the pages, as typed events that are taken in exactly once: answers, outcomes, edits, comments."""
