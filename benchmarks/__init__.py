"""What Tilecast costs, measured beside what one would otherwise use: ``make bench``."""
