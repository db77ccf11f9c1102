"""The part of an exported file that reads its data set again: one module for each kind of data.

Each module has `read_split(folder, split)`, stands alone, and imports only torch, torchvision and the standard library.
The exporter copies a module's text into the file that it writes; gi never imports them, so that it stays free of torch.
"""
