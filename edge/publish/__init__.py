"""The publisher's side: read documents, cut them into chunks, build a pack."""
