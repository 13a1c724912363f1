"""Everything that produces text or vectors: language models, the extractive engine, the embedder."""
