"""`lp_pool_torch.py`, which the book offers to download, where PyTorch is installed."""

import os
import shutil

import frameworks
import numpy as np
import pytest

from chainbp import lp_pool2d

os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # a few compilations are not worth a pool of processes
torch = pytest.importorskip("torch", reason="PyTorch is not installed (`make frameworks` installs it)")
torch.set_num_threads(1)  # small tensors, and a process for each processor
F, nn = torch.nn.functional, torch.nn
ours = frameworks.load("lp_pool_torch")
needs_compiler = pytest.mark.skipif(not any(map(shutil.which, ("g++", "clang++"))), reason="torch.compile needs g++")


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def signed(*shape, dtype=torch.float64):
    """Normal numbers, a third of them zero, and some windows too."""
    y = torch.randn(shape, dtype=dtype)
    y[torch.rand(shape) < 0.3] = 0
    y[..., :3, :3] = 0
    return y.requires_grad_()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("count", [5000])
def test_random_windows_keep_the_contract(dtype, count):
    checked = 0
    for windows, orders in frameworks.random_windows(count, dtype, seed=1):
        # Each window is a channel with an order of its own; none is disturbed by what stands in others.
        y = torch.from_numpy(windows.T[:, None].copy()).requires_grad_()
        p = torch.from_numpy(orders).requires_grad_()
        z = ours.lp_pool2d(y, p, (1, len(windows)))
        gradient, slope = torch.autograd.grad(z.sum(), (y, p))
        found = z.detach().numpy().ravel(), gradient.numpy()[:, 0].T, slope.numpy()
        assert list(frameworks.complaints(windows, orders, *found)) == []
        checked += len(orders)
    assert checked >= count


def test_no_edge_case_fails():
    def pool(y, p):
        y = torch.from_numpy(y).reshape(1, 1, 1, -1).requires_grad_()
        z = ours.lp_pool2d(y, p, (1, y.numel()))
        return z.item(), torch.autograd.grad(z.sum(), y)[0].numpy()

    assert list(frameworks.edges_failed(pool)) == []


@pytest.mark.parametrize("p", [1.0, 1.3, 3.0, 4.7, 60.0, 300.0, 0.7, np.inf])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_overlapping_windows_agree_with_chainbp(p, dtype):
    y, order = signed(2, 3, 9, 8, dtype=dtype), torch.tensor(p, dtype=dtype, requires_grad=True)
    z = ours.lp_pool2d(y, order, 3, 1)
    delta = torch.randn_like(z)
    expected, pull = lp_pool2d[p, 3, 1].vjp(y.detach().numpy())
    near = 60 * torch.finfo(dtype).eps  # sums of nine errors
    np.testing.assert_allclose(z.detach(), expected, rtol=near)
    of_y, of_p = torch.autograd.grad(z, (y, order), delta)
    np.testing.assert_allclose(of_y, pull.x(delta.numpy()), rtol=near, atol=near)
    np.testing.assert_allclose(of_p, pull.theta(delta.numpy())[0], rtol=near, atol=10 * near)


@pytest.mark.parametrize("p", [1.02, 1.2, 1.49])
@pytest.mark.parametrize(("dtype", "least"), [(torch.float64, -320), (torch.float32, -44)], ids=["float64", "float32"])
def test_a_faint_entry_counts_beside_huge_ones_elsewhere(p, dtype, least):
    scale = torch.empty(2, 3, 8, 8, dtype=torch.float64).uniform_(least, 3)
    y = (torch.randn_like(scale) * 10**scale).to(dtype).requires_grad_()
    order = torch.tensor(p, dtype=dtype)
    z = ours.lp_pool2d(y, order, 2)
    expected, pull = lp_pool2d[order.item(), 2].vjp(y.detach().numpy())
    near = {"rtol": 60 * torch.finfo(dtype).eps, "atol": 60 * torch.finfo(dtype).smallest_normal}
    np.testing.assert_allclose(z.detach(), expected, **near)
    (of_y,) = torch.autograd.grad(z.sum(), y)
    np.testing.assert_allclose(of_y, pull.x(np.ones(z.shape)), **near)
    assert (of_y[y != 0] != 0).all()


def test_conventions():
    y = torch.tensor([[[0.0, 0.0, 2.0, -2.0, torch.inf, 1.0, torch.nan, 1.0]]], requires_grad=True)
    for p in (0.5, 1.0, 3.0, torch.inf):
        z = ours.lp_pool2d(y, p, (1, 2))
        np.testing.assert_array_equal(z.detach()[0, 0, [0, 2, 3]], [0, torch.inf, torch.nan])
        (back,) = torch.autograd.grad(z[..., :3].sum(), y)
        np.testing.assert_array_equal(back[0, 0, [0, 1, 4, 6, 7]], [0, 0, 1, 0, 0])
    np.testing.assert_array_equal(back[0, 0, 2:4], [0.5, -0.5])


@pytest.mark.parametrize("p", [[2.5], [1.5, 3.0]])
@pytest.mark.parametrize("windows", [(2,), ((3, 2), (1, 2), 1, True)])
def test_both_derivatives_pass_pytorchs_own_check(p, windows):
    y = torch.randn(1, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    order = torch.tensor(p, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda y, p: ours.lp_pool2d(y, p, *windows), (y, order))
    assert torch.autograd.gradgradcheck(lambda y, p: ours.lp_pool2d(y, p, *windows), (y, order))


def test_the_second_derivative_meets_zeros_and_infinity_and_stays_finite():
    y, p = signed(1, 2, 6, 6), torch.tensor([1.5, torch.inf], dtype=torch.float64, requires_grad=True)
    z = ours.lp_pool2d(y, p, 3, 1)
    first = torch.autograd.grad(z.sum(), (y, p), retain_graph=True)
    again = torch.autograd.grad(z.sum(), (y, p), create_graph=True)
    for a, b in zip(first, again):
        torch.testing.assert_close(a, b.detach())
    for second in torch.autograd.grad(sum(g.square().sum() for g in again), (y, p)):
        assert second.isfinite().all()


def test_the_second_derivative_of_p_alone_and_of_y_alone_are_those_of_both():
    y, p = torch.rand(1, 2, 4, 4, dtype=torch.float64) - 0.3, torch.tensor([2.0, 3.5], dtype=torch.float64)

    def seconds(of_y: bool, of_p: bool) -> list[torch.Tensor]:
        at = [x.clone().requires_grad_(needed) for x, needed in ((y, of_y), (p, of_p))]
        wanted = [x for x in at if x.requires_grad]
        first = torch.autograd.grad(ours.lp_pool2d(*at, 2).sin().sum(), wanted, create_graph=True)
        return [torch.autograd.grad(g.sum(), x, retain_graph=True)[0] for g, x in zip(first, wanted)]

    both = seconds(True, True)
    torch.testing.assert_close(seconds(True, False), both[:1])
    torch.testing.assert_close(seconds(False, True), both[1:])


# ---- beside torch's own ----


@pytest.mark.parametrize("dimensions", [1, 2])
@pytest.mark.parametrize(
    ("arguments", "batch"),
    [((1.5, 2), (1, 3)), ((2, 2, 2), (1, 3)), ((2, 2, 2), (3,)), ((2, 2, 3), (1, 3)), ((2, 2, 3), (3,))],
)
def test_inputs_of_torchs_own_tests_are_pooled_as_by_torch(arguments, batch, dimensions):
    """Those of torch.testing._internal.common_modules; y is positive for p = 1.5, where torch gives NaN otherwise."""
    y = torch.randn(*batch, *[7] * dimensions, dtype=torch.float64)
    y = (y if arguments[0] == 2 else y.abs()).requires_grad_()
    pools = [getattr(module, name + f"Pool{dimensions}d") for module, name in ((ours, "Lp"), (nn, "LP"))]
    found, expected = (pool(*arguments)(y) for pool in pools)
    torch.testing.assert_close(found, expected)
    delta = torch.randn_like(found)
    torch.testing.assert_close(*(torch.autograd.grad(z, y, delta) for z in (found, expected)))


@pytest.mark.parametrize("p", [1, 1.5, 2, 7])
@pytest.mark.parametrize(
    ("kernel", "stride", "shape"), [(3, 2, (5, 5, 5)), ((4, 3), (2, 3), (2, 3, 8, 9)), (2, None, (3, 7, 8))]
)
def test_positive_numbers_are_pooled_as_by_torch(p, kernel, stride, shape):
    y = torch.rand(shape, dtype=torch.float64)
    torch.testing.assert_close(ours.LpPool2d(p, kernel, stride)(y), nn.LPPool2d(p, kernel, stride)(y))
    line = y.flatten(-2)
    torch.testing.assert_close(ours.LpPool1d(p, 3, stride=2)(line), nn.LPPool1d(p, 3, stride=2)(line))


@pytest.mark.parametrize(("kernel", "stride"), [((2, 2), (2, 2)), ((4, 3), (2, 3))])
def test_with_ceil_mode_torch_scales_a_cut_window_and_ours_does_not(kernel, stride):
    y = torch.rand(1, 1, 5, 7, dtype=torch.float64)
    found, scaled = (pool(3.0, kernel, stride, True)(y) for pool in (ours.LpPool2d, nn.LPPool2d))
    assert found.shape == scaled.shape
    cut = 0
    for i, j in np.ndindex(*found.shape[2:]):
        window = y[0, 0, i * stride[0] :, j * stride[1] :][: kernel[0], : kernel[1]] ** 3
        torch.testing.assert_close(found[0, 0, i, j], window.sum() ** (1 / 3))
        torch.testing.assert_close(scaled[0, 0, i, j], (window.mean() * np.prod(kernel)) ** (1 / 3))
        cut += window.shape != kernel
    assert cut


def test_zero_windows_get_no_gradient_as_from_torch():
    y = torch.zeros(1, 3, 7, 7, dtype=torch.float64, requires_grad=True)
    for p in (1, 1.5, 2, 3):
        (back,) = torch.autograd.grad(ours.lp_pool2d(y, p, 2).sum(), y)
        assert not back.any()
    (back,) = torch.autograd.grad(nn.LPPool2d(2.0, 2)(y).sum(), y)
    assert not back.any()


@pytest.mark.parametrize("length", range(5, 10))
@pytest.mark.parametrize("windows", [(2, 2, 1), (3, 2, 1), (3, 1, 0), (2, 3, 0), (3, 4, 1)])
@pytest.mark.parametrize("ceil", [False, True])
def test_padding_and_ceil_mode_are_those_of_max_pooling(length, windows, ceil):
    y = torch.randn(1, 2, length, length + 1)
    expected = F.max_pool2d(y.abs(), *windows, ceil_mode=ceil)
    torch.testing.assert_close(ours.lp_pool2d(y, torch.inf, *windows, ceil), expected)


@pytest.mark.parametrize("p", [1.2, 3.0, 20.0, torch.inf])
def test_a_window_s_results_are_that_window_s_alone(p):
    y = torch.rand(2, 3, 16, 16)
    y[1, 0, 0, 0] = torch.nan

    def results(y):
        y, orders = y.clone().requires_grad_(), torch.full((3,), p, requires_grad=True)
        z = ours.lp_pool2d(y, orders, 3, 2)
        return z, *torch.autograd.grad(z[0].sum(), (y, orders))

    (z, gradient, slope), (z_alone, gradient_alone, slope_alone) = results(y), results(y[:1])
    assert torch.equal(z[:1], z_alone)
    assert torch.equal(gradient[:1], gradient_alone)
    assert torch.equal(slope, slope_alone)


def test_what_vanishes_in_a_large_window_adds_up_to_nothing():
    y = torch.full((1, 1, 200, 200), 0.3)
    y[0, 0, 0, 0] = 1.0
    y.requires_grad_()
    z = ours.lp_pool2d(y, 103.0, 200)
    z.backward(torch.ones_like(z))
    assert z.item() == pytest.approx(1, rel=16 * 2**-23)
    assert y.grad[0, 0, 0, 0].item() == pytest.approx(1, rel=16 * 2**-23)


def test_large_errors_overflow_only_where_the_result_does():
    y = torch.tensor([[[[1.0, 0.5], [0.25, 0.0]]]], requires_grad=True)
    z = ours.lp_pool2d(y, 100.0, 2)
    z.backward(torch.full_like(z, 2.0**32))
    assert torch.allclose(y.grad, torch.tensor([[[[2.0**32, 0.0], [0.0, 0.0]]]]), atol=1e-10)

    p = torch.tensor(3.0, requires_grad=True)
    z = ours.lp_pool2d(torch.tensor([[[[2e38, 1e38]]]]), p, (1, 2))
    (slope,) = torch.autograd.grad(z, p, torch.full_like(z, 8.0))
    w = np.array([8, 1]) / 9
    assert slope.item() == pytest.approx(-8 * 2e38 * (9 / 8) ** (1 / 3) / 9 * -(w * np.log(w)).sum(), rel=1e-5)


def test_a_batch_without_images_stays_one():
    assert ours.lp_pool2d(torch.zeros(0, 3, 4, 4), 2.0, 2).shape == nn.LPPool2d(2.0, 2)(torch.zeros(0, 3, 4, 4)).shape


# ---- as a module ----


def test_half_precision_and_autocast():
    y = signed(1, 2, 6, 6, dtype=torch.float32)
    pool = ours.LpPool2d([2.0, 3.0], 2, learn_p=True)
    exact = pool(y)
    for dtype in (torch.bfloat16, torch.float16):
        z = pool(y.to(dtype))
        assert z.dtype == dtype
        torch.testing.assert_close(z.float(), exact, rtol=0.02, atol=1e-3)
    net = nn.Sequential(nn.Conv2d(2, 2, 3, padding=1), pool)
    with torch.autocast("cpu", torch.bfloat16):
        z = net(y)
    assert z.dtype == torch.bfloat16
    z.float().sum().backward()
    assert pool.p.grad.dtype == torch.float32
    assert all(parameter.grad.isfinite().all() for parameter in net.parameters())


def test_a_state_dict_with_and_without_a_learned_p():
    assert ours.LpPool2d(2.0, 2).state_dict() == nn.LPPool2d(2.0, 2).state_dict() == {}
    learned = ours.LpPool2d([2.0, 3.0], 2, learn_p=True)
    again = ours.LpPool2d([1.0, 1.0], 2, learn_p=True)
    again.load_state_dict(learned.state_dict())
    assert again.p.tolist() == [2.0, 3.0]
    ours.GeM().load_state_dict({"p": torch.tensor([2.9])})


@needs_compiler
def test_it_compiles_without_a_graph_break():
    y, pool = signed(2, 4, 12, 12, dtype=torch.float32), ours.LpPool2d([1.0, 2.0, 3.0, 60.0], 3, 1, learn_p=True)
    with torch.no_grad():
        y[0, 0, :4, :4], y[1, 3, 5:9, 5:9] = 1e-30, 1e-40  # some are left to the careful road
    compiled = torch.compile(pool, fullgraph=True)
    z, delta = pool(y), torch.randn(2, 4, 10, 10)
    expected = torch.autograd.grad(z, (y, pool.p), delta)
    found = compiled(y)
    torch.testing.assert_close(found, z, rtol=1e-5, atol=0)
    for a, b in zip(torch.autograd.grad(found, (y, pool.p), delta), expected):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_gem_is_the_published_one_and_the_mean_of_sizes():
    y = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    published = y.clamp(min=1e-6).pow(3).mean((-2, -1), keepdim=True) ** (1 / 3)
    torch.testing.assert_close(ours.GeM()(y), published)
    torch.testing.assert_close(ours.gem(y, 2.0, eps=None), y.square().mean((-2, -1), keepdim=True).sqrt())
    assert ours.gem(torch.full((1, 2, 2), -1.0), 3.0).unique() == torch.tensor(1e-6)
    p = torch.tensor([1.5, 2.0, 7.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda y, p: ours.gem(y, p, None), (y.requires_grad_(), p))


def test_a_net_learns_its_orders():
    rng = torch.Generator().manual_seed(1)
    x = torch.randn(32, 1, 8, 8, generator=rng)
    target = ours.lp_pool2d(x, 4.0, 2)
    pool = ours.LpPool2d(2.0, 2, learn_p=True)
    optimizer = torch.optim.LBFGS(pool.parameters(), line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        value = F.mse_loss(pool(x), target)
        value.backward()
        return value

    optimizer.step(loss)
    assert abs(pool.p.item() - 4) < 0.05


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda y: ours.lp_pool2d(y, 0.0, 2), "p must be greater than 0"),
        (lambda y: ours.lp_pool2d(y, [1.0, 2.0, 3.0], 2), "one for each of 2 channels"),
        (lambda y: ours.lp_pool2d(y, 2.0, 9), "does not fit"),
        (lambda y: ours.lp_pool2d(y, 2.0, 2, padding=2), "at most half"),
        (lambda y: ours.lp_pool2d(y, 2.0, (1, 2, 3)), "kernel_size must be"),
        (lambda y: ours.lp_pool2d(y, 2.0, 2, 0), "stride must be"),
        (lambda y: ours.lp_pool2d(y.long(), 2.0, 2), "of floats"),
        (lambda y: ours.LpPool1d(2.0, 2)(y), "takes \\(C, L\\)"),
        (lambda y: ours.GeM(p=float("nan")), "p must be greater than 0"),
    ],
)
def test_bad_input_gets_a_clear_error(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call(torch.randn(1, 2, 4, 4))
