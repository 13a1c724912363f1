"""The assistant over HTTP. The only asynchronous part: the core is synchronous and runs in threads."""
