"""python-docx uses lxml.etree alone."""

hiddenimports = ["lxml._elementpath"]
