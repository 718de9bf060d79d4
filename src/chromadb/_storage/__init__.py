"""Where records are kept: the seam (`base`) and the backends behind it."""
