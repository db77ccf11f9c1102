"""Traces output channels of convolutions to input channels of others, through the operators between them."""
