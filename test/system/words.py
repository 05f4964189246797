"""Words of a command line."""

import argparse


def whole_number(least, most):
    """A type for argparse: a whole number within bounds."""
    def read(text):
        try:
            value = int(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= most:
            raise argparse.ArgumentTypeError(f"takes a whole number from {least:,} to {most:,}, not '{text}'")
        return value
    return read
