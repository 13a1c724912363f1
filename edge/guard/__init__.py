"""What stands between an engine and the reader: checks of questions, citations, numbers and warnings. All pure."""
