"""Talking to an OpenAI-compatible server: the call, its event stream, and the meaning of messages."""
