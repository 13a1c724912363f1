"""A worker process as its parent sees it."""
