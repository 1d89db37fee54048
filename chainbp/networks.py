"""The note's two networks, ready made: Fig. 1 with eq. (13), and Fig. 2 with eq. (34)."""

from chainbp.function import Function
from chainbp.layers import rho, sigma
from chainbp.pooling import eta
from chainbp.wanted import ArrayLike, as_array


def two_layer(W1: ArrayLike, W2: ArrayLike) -> Function:
    """The two-layer network z = σ ∘ ρ⟦W⁽²⁾⟧ ∘ σ ∘ ρ⟦W⁽¹⁾⟧ ∘ x, eq. (13).

    Parameters
    ----------
    W1 : array_like, shape (H, M)
    W2 : array_like, shape (N, H)

    Returns
    -------
    Function
        Takes x of shape (M,) or (M, K); gives z of shape (N,) or (N, K).

    Raises
    ------
    TypeError, ValueError
        If a weight is not a matrix of real numbers, or the two do not fit.

    Examples
    --------
    >>> from chainbp import two_layer
    >>> two_layer([[1.0, -1.0], [0.0, 2.0]], [[1.0, 1.0]])
    σ ∘ ρ[W⁽²⁾] ∘ σ ∘ ρ[W⁽¹⁾]
    """
    # As arrays first: a tuple of rows in the brackets would count as several parameters.
    network: Function = sigma @ rho[as_array(W2, "W2", "two_layer")] @ sigma @ rho[as_array(W1, "W1", "two_layer")]
    return network


def lp_network(W: ArrayLike, p: ArrayLike) -> Function:
    """The network with Lp pooling z = η_p ∘ σ ∘ ρ⟦W⟧ ∘ x, eq. (34).

    Parameters
    ----------
    W : array_like, shape (N, M)
    p : float
        Greater than 0, or inf. It is the network's second parameter.

    Returns
    -------
    Function
        Takes x of shape (M,) or (M, K); gives one number, or K.

    Raises
    ------
    TypeError, ValueError
        If W is not a matrix of real numbers, or p is not greater than 0.

    Examples
    --------
    >>> from chainbp import lp_network
    >>> lp_network([[1.0, -1.0], [0.0, 2.0]], 3)
    η_3 ∘ σ ∘ ρ[W]
    """
    network: Function = eta[p] @ sigma @ rho[as_array(W, "W", "lp_network")]
    return network
