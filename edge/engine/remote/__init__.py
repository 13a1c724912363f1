"""Talking to an OpenAI-compatible server: the call, its event stream, and what the messages mean."""
