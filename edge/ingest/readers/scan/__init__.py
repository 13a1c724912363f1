"""Pages that are pictures: ``image`` straightens them, ``tesseract`` reads them, ``pages`` makes pages of them."""
