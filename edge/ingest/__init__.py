"""Read documents and build packs from them."""
