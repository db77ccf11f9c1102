"""Source text in, source text out: parse, edit by span, normalise, repair. No I/O, no torch."""
