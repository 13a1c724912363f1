"""The user's own notes on pages: a pack of one's own, made anew with every note, and found by search like any other."""
