"""What the commands share to draw on a terminal and to ask a person."""
