"""What follows the record store and can be made anew from it: segments, columns, text indexes, and who seals them."""
