"""`python -m api.cli` is the citespan command."""

from api.cli.main import main

if __name__ == "__main__":
    main()
