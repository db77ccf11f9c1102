"""An ingredient's free names bound to names in scope or to values."""
