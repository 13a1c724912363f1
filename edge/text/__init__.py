"""Words, sentences and codes: pure functions on text that indexing, searching, quoting and checking share."""
