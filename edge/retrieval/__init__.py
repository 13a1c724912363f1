"""From a question to passages: rewriting, spelling, scope, two searches, fusion, merging. Nothing here writes."""
