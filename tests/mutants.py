"""Would the tests notice? Change one operator or constant of chainbp at a time, and run what tests it.

    python tests/mutants.py costs backprop          every mutant of these modules
    python tests/mutants.py --every 9               one in nine, of all modules

What survives is a missing test, or no fault: it changes speed, or rounding below what is promised.
"""

import ast
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import hypothesis.extra.numpy  # noqa: F401  loaded once, before the forks
import mpmath  # noqa: F401
import pytest

TESTS = {
    "function": "function backprop errors laws display",
    "wanted": "function errors laws",
    "lp": "pooling lp_pool2d laws images",
    "pooling": "pooling lp_pool2d errors laws",
}
TESTS |= {name: f"{name} errors laws" for name in ("layers", "costs", "convolution", "backprop")}
TESTS |= {"images": "images lp_pool2d laws", "check": "check backprop errors", "train": "train errors laws"}
TESTS["show"] = "display backprop function laws"
SWAPS = {ast.Add: ast.Sub, ast.Mult: ast.Div, ast.BitAnd: ast.BitOr, ast.And: ast.Or, ast.Lt: ast.LtE, ast.Gt: ast.GtE}
SWAPS |= {ast.Eq: ast.NotEq, ast.Is: ast.IsNot, ast.In: ast.NotIn}
SWAPS |= {new: old for old, new in SWAPS.items()} | {ast.Pow: ast.Mult, ast.FloorDiv: ast.Mult, ast.USub: ast.UAdd}


def changes(node):
    """What may be changed in a node: an attribute, and its new value."""
    for slot in ("op", "ops"):
        first, *rest = getattr(node, slot) if slot == "ops" and hasattr(node, slot) else [getattr(node, slot, None)]
        if new := SWAPS.get(type(first)):
            yield slot, [new(), *rest] if slot == "ops" else new()
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        yield "value", not node.value if isinstance(node.value, bool) else node.value * 2 or 1
    if isinstance(node, (ast.IfExp, ast.If)) and not isinstance(node.test, ast.Constant):
        yield "test", ast.Constant(False)


def mutants(source):
    """Each as its line, its text and a new source; messages and annotations are left alone."""
    tree = ast.parse(source)
    spared = [n for n in ast.walk(tree) if isinstance(n, (ast.JoinedStr, ast.Raise))]
    spared += [a for n in ast.walk(tree) for a in (getattr(n, "annotation", 0), getattr(n, "returns", 0)) if a]
    spared = {n for top in spared for n in ast.walk(top)}
    for node in [n for n in ast.walk(tree) if n not in spared]:
        for slot, new in changes(node):
            old, before = getattr(node, slot), ast.unparse(node)
            setattr(node, slot, new)
            yield node.lineno, f"{before}  ->  {ast.unparse(node)}".split("\n")[0], ast.unparse(tree)
            setattr(node, slot, old)


def survives(tests):
    child = os.fork()
    if not child:
        signal.alarm(120)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.path.insert(0, os.getcwd())
        slow = "not hundred and not fast_road and not thousand and not overlapping" + os.environ.get("SKIP", "")
        os._exit(pytest.main(["-xq", "-pno:cacheprovider", "-m", "not soak", "-k", slow, *tests]))
    return os.waitpid(child, 0)[1] == 0


if __name__ == "__main__":
    every, names = (int(sys.argv[2]), sys.argv[3:]) if "--every" in sys.argv else (1, sys.argv[1:])
    sys.dont_write_bytecode = True
    with tempfile.TemporaryDirectory() as folder:
        for name in ("chainbp", "tests"):
            there = Path(__file__).resolve().parents[1] / name
            shutil.copytree(there, Path(folder, name), ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(there.parent / "pyproject.toml", folder)
        os.chdir(folder)
        for module in names or TESTS:
            path, tests = Path("chainbp", f"{module}.py"), [f"tests/test_{t}.py" for t in TESTS[module].split()]
            source, alive, chosen = path.read_text(), 0, 0
            for line, what, changed in list(mutants(source))[::every]:
                path.write_text(changed)
                chosen += 1
                if survives(tests):
                    alive += 1
                    print(f"{module}.py:{line}: {what}", flush=True)
            path.write_text(source)
            print(f"{module}: {chosen - alive} of {chosen} killed", flush=True)
