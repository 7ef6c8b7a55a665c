"""Pure values and rules: no I/O, no clock, no other package of ours."""
