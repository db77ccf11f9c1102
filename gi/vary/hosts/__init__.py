"""The program that is edited: its genes, its second parent, and what counts as a change."""
