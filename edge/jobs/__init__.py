"""A procedure of a manual as a job: its steps in order, and what was done at each, kept so that nothing is lost."""
