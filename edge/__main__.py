"""``python -m edge`` is the ``edge`` command."""

from edge.cli.main import main

if __name__ == "__main__":
    main()
