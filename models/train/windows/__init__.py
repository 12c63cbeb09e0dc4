"""Training of the window network: rendered pictures, crops, hand labels."""
