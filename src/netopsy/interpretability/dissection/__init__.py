"""Units' maps against masks of what is to be seen: the engine that network dissection and GAN dissection share.

Maps are enlarged to the size of the image (`enlarging`), a unit is high above a threshold that is a quantile
(`quantiles`) or the most informative one (`edges`), and pixels of all pairs of unit and concept are counted exactly
(`pixels`, `counting`) in tables that add up over batches (`tables`).
"""
