"""The part of an exported file that reads its data set again: one module for each kind of data.

Each module has `read_split(folder, split)`, stands alone, and imports only torch, torchvision or Pillow, and the
standard library; what it imports from `gi` is text that the exporter puts in its place. `CLASSES` are the names
of the classes in the order of the network's outputs, `INPUT_SHAPE` is what the network takes; the exporter sets them
and the other constants. A module's text is copied into the file that is written; gi never imports them, so that it
stays free of torch. What a module reads equals what `gi.data` decoded: one test class holds that for all of them.
"""
