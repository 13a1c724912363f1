"""Its wheel carries the C source of its modules as well; nothing but the modules is used."""
