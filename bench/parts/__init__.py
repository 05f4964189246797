"""The parts of ./dev bench: each module has KNOBS (name: full size, size of a quick run, minimum, maximum) and run(options, table)."""
