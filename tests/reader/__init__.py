"""How the reader was trained: sets of questions with the unit that answers each, and the scripts that fit and judge."""
