"""chainbp: error backpropagation as the chain rule, written the way M. Tanaka's 2013 note writes it.

>>> import numpy as np
>>> from chainbp import backprop, rho, sigma, squared_error
>>> W1, W2 = np.array([[0.1, -0.2], [0.4, 0.3]]), np.array([[0.5, -0.6]])
>>> z = sigma @ rho[W2] @ sigma @ rho[W1] @ [1.0, 2.0]             # eq. (13)
>>> bp = backprop(squared_error[[1.0]] @ sigma @ rho[W2] @ sigma @ rho[W1], [1.0, 2.0])
>>> [g.shape for g in bp.gradients]
[(2, 2), (1, 2)]

Read the modules in the order of the note: function (sections 2 and 3), layers, lp, pooling, convolution and costs,
backprop (section 4), check, train, networks. Beneath them are wanted, what a function wants of its numbers, and show,
how it shows itself; images is a fast road that pooling can do without.
"""

from chainbp.backprop import Backprop, backprop
from chainbp.check import Comparison, GradientCheck, check_gradient
from chainbp.convolution import conv2d, flatten
from chainbp.costs import cross_entropy, sigmoid_cross_entropy, softmax_cross_entropy, squared_error
from chainbp.function import Composition, Family, Function, Pull
from chainbp.layers import relu, rho, sigma, softmax, tanh
from chainbp.networks import lp_network, two_layer
from chainbp.pooling import eta, lp_pool2d
from chainbp.train import Training, train

__version__ = "0.1.0"

__all__ = [
    "Backprop", "Comparison", "Composition", "Family", "Function", "GradientCheck", "Pull", "Training", "backprop",
    "check_gradient", "conv2d", "cross_entropy", "eta", "flatten", "lp_network", "lp_pool2d", "relu", "rho", "sigma",
    "sigmoid_cross_entropy", "softmax", "softmax_cross_entropy", "squared_error", "tanh", "train", "two_layer",
]
