"""What a network looks at, and what its units stand for.

One module a paper: ``from netopsy.interpretability.norm_grad import norm_grad, grad_cam``. The package itself names
none of them, so a new paper is a new module and nothing else.
"""
