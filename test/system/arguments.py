"""Types for the arguments of a command line."""

import argparse


def whole_number(minimum, maximum):
    """Returns a type for argparse: a whole number within bounds."""
    def read(text):
        try:
            value = int(text)
        except ValueError:
            value = None
        if value is None or not minimum <= value <= maximum:
            raise argparse.ArgumentTypeError(f"must be a whole number from {minimum:,} to {maximum:,}, is '{text}'")
        return value
    return read
