"""The places of a text where a layer is defined, used, or can be put."""
