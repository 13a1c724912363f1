"""Knowledge packs as they lie on disk: manifest, file format, opening, installing and rolling back."""
