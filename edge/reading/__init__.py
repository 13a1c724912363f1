"""Question and passage together: does it answer, where, and what is quoted."""
