"""Papers run on somebody's own image, graph or network: the queue, the workers and what they give."""
