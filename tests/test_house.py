r"""The laws of the house, read from the syntax trees of every file; each is shown being broken.

Oracles: the files themselves, and for each law a two-line file that breaks it.
"""

import ast
import functools
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {
    "torch",
    "numpy",
    "scipy",
    "soundfile",
    "PIL",
    "imageio_ffmpeg",
    "matplotlib",
    "pytest",
}
OURS = {"mfr", "data_tools", "tutorials", "tests", "oracles", "modules", "mutants", "conftest"}
OURS |= {"pretended", "side_by_side"}
OURS |= {path.stem for path in ROOT.glob("*.py")}
FILELESS = ("mfr/sound/", "mfr/motion/", "mfr/render/")  # know nothing of files
FILE_MODULES = {
    "os",
    "pathlib",
    "io",
    "shutil",
    "tempfile",
    "subprocess",
    "glob",
    "soundfile",
    "PIL",
    "scipy.io",
}
# what each room may look down at, besides itself; a room that is not here may look at all
CORE = {"mfr.config", "mfr.files", "mfr.face", "mfr.sound", "mfr.motion", "mfr.render"}
CORE |= {"mfr.training"}
METRICS, METHODS = "mfr.evaluation.metrics", "mfr.evaluation.methods"
SCORING, FIGURES = "mfr.evaluation.scoring", "mfr.evaluation.figures"
PEOPLE, PICTURE = "data_tools.synthetic.people", "data_tools.synthetic.picture"
LATER = {"mfr.official", "mfr.live"}  # mfr.pipeline asks them when a user does
BELOW = {
    "mfr.config": set(),
    "mfr.sound": {"mfr.config"},
    "mfr.files": {"mfr.config"},
    "mfr.face": {"mfr.config", "mfr.files"},
    "mfr.motion": {"mfr.config", "mfr.face"},
    "mfr.render": {"mfr.config", "mfr.face"},
    "mfr.training": CORE - {"mfr.training"},
    "mfr.pipeline": CORE,
    "mfr.live": CORE | {"mfr.pipeline"},
    "mfr.official": {"mfr.config", "mfr.face", "mfr.files"},
    METRICS: {"mfr.config", "mfr.face", "mfr.files"},
    METHODS: CORE | {"mfr.pipeline", METRICS},
    SCORING: CORE | {"mfr.pipeline", "mfr.official", METRICS, METHODS},
    FIGURES: CORE | {"mfr.pipeline", METRICS, METHODS, SCORING},
    PEOPLE: {"mfr.face"},
    PICTURE: {"mfr.face", PEOPLE},
    "data_tools.synthetic.talk": {"mfr.config", "mfr.files", "mfr.face", PEOPLE},
}
SKIPPED = {".git", ".venv", "__pycache__", ".pytest_cache", "data", "runs", "out", "weights"}
# docstring lines, empty ones and tables not counted: at most so many, and no more than the code
# has, but for short ones; and all of them together against the lines of code
LINES, SHORT, SHARE = 15, 9, 0.4
ARRAYS = ("mfr/sound/", "mfr/face/", "mfr/motion/", "mfr/render/", "mfr/evaluation/metrics/")
NO_ARRAYS = (
    "torch.(cuda|device|Generator|is_tensor|no_grad|autocast|load|save)|np.(random|load|save)"
)
ARRAY_METHODS = {"sum", "mean", "view", "view_as", "reshape", "flatten", "unflatten", "permute"}
ARRAY_METHODS |= {"transpose", "softmax", "clamp", "clip", "expand", "unbind", "chunk", "new_zeros"}
ARRAY_METHODS |= {"repeat_interleave", "masked_fill", "astype", "cumsum", "argmin", "argsort"}
GLOBAL_DRAWS = ("manual_seed", "seed", "randn_like", "rand_like", "randint_like")


def files(*folders, suffixes=(".py",)):
    r"""Files of the repository, as names from its root."""
    found = []
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*") if folder != "." else ROOT.iterdir()):
            parts = path.relative_to(ROOT).parts
            if path.suffix in suffixes and path.is_file() and not SKIPPED & set(parts):
                found.append("/".join(parts))
    return found


@functools.cache
def source(name):
    return (ROOT / name).read_text(encoding="utf-8")


@functools.cache
def parse(text):
    return ast.parse(text)


LIBRARY = files("mfr", "data_tools", ".")
PYTHON = [*LIBRARY, *files("tests", "tutorials")]
TEXT = [
    *PYTHON,
    *files(
        ".",
        "tutorials",
        "tests",
        "mfr",
        "data_tools",
        suffixes=(".md", ".txt", ".toml", ".cfg", ".ini", ".csv", ".json"),
    ),
]


# ---- the laws: each takes a file's name and text and returns what breaks it ----


def public(tree):
    r"""(name, node, its class) of every public function, class and method."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            yield node.name, node, None
            for inner in node.body if isinstance(node, ast.ClassDef) else []:
                shown = getattr(inner, "name", "_")
                if shown == "__call__" or not shown.startswith("_"):
                    yield f"{node.name}.{shown}", inner, node


def section(docstring, title):
    r"""The indented lines below `title:` in a docstring."""
    match = re.search(rf"^{title}:\n((?:(?: +.*)?\n)*)", docstring + "\n", re.M)
    return match[1] if match else ""


def parameters(node):
    r"""Names of a function's parameters, or of what a class is made from: __init__'s, fields."""
    if isinstance(node, ast.ClassDef):
        fields = [n.target.id for n in node.body if isinstance(n, ast.AnnAssign)]
        return next((parameters(n) for n in node.body if is_init(n)), fields)
    arguments = node.args
    groups = arguments.posonlyargs, arguments.args, arguments.kwonlyargs
    names = [argument.arg for group in groups for argument in group]
    return names + [a.arg for a in (arguments.vararg, arguments.kwarg) if a]


def is_init(node):
    return getattr(node, "name", "") == "__init__"


def raised(node):
    r"""Names of the exceptions that a body raises itself."""
    if isinstance(node, ast.ClassDef):
        return next((raised(n) for n in node.body if is_init(n)), [])
    exceptions = [n.exc for n in ast.walk(node) if isinstance(n, ast.Raise) and n.exc is not None]
    exceptions = [exc.func if isinstance(exc, ast.Call) else exc for exc in exceptions]
    return sorted({ast.unparse(exc) for exc in exceptions if ast.unparse(exc)[0].isupper()})


def works_on_arrays(node):
    r"""Whether a function gives something back and calls torch or numpy on the way to it."""
    if isinstance(node, ast.ClassDef):
        return False
    if node.name in ("forward", "__call__"):
        return True
    parts = list(ast.walk(node))
    called = [
        n.func for n in parts if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)
    ]
    libraries = [name for name in map(ast.unparse, called) if re.match(r"(torch|np|F)\.", name)]
    computes = any(not re.match(NO_ARRAYS, name) for name in libraries)
    computes |= any(function.attr in ARRAY_METHODS for function in called)
    computes |= any(isinstance(n, ast.MatMult) for n in parts)
    returns = (n for n in parts if isinstance(n, (ast.Return, ast.Yield)))
    return computes and any(n.value is not None for n in returns)


def says_shape(docstring, classes=()):
    r"""Whether a docstring holds (B, L, 70) or (N,) or the like, a scalar, or a class that does."""
    size = r"(?:\.\.\.|[1-9]\d*|\d?[A-Z]\w?\w?|[a-z]\d?)"  # of one axis: ..., 70, B, 3V, Lq, n
    term = rf"{size}(?: ?[-+*/^]{{1,2}} ?\w+| {size})*"  # T + 1, B K, S / 4
    axis = rf"(?:{term}|[a-z]\w+(?: ?[-+*/]+ ?\w+)*)"  # one of them at least is no word
    axes = re.findall(rf"\((?:{axis}, ?)*{axis},?\)", " ".join(docstring.split()))
    axes = [text for text in axes if "," in text or text == "(...)"]
    shapes = any(
        re.fullmatch(term, part.strip()) for text in axes for part in text[1:-1].split(",")
    )
    words = r"scalars?|floats?|ints?|bool|dict"
    return shapes or bool(re.search(rf"\b(?:{'|'.join([words, *classes])})\b", docstring))


def classes_of(text):
    r"""Classes that a file defines or imports: their own docstrings say the shapes."""
    tree = parse(text)
    names = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    names += [module.rpartition(".")[2] for _, module, _ in imports(text)]
    return [name for name in names if re.match("[A-Z][a-z]", name)]


def lines_of(docstring):
    r"""Lines of a docstring that count: neither empty nor of a table."""
    prose = [line.strip() for line in docstring.splitlines()]
    return sum(bool(line) and not line.startswith("|") for line in prose)


def lines_of_code(node, text):
    r"""Lines of a definition that are neither empty nor of a docstring."""
    lines = text.splitlines()
    within = set(range(node.lineno, node.end_lineno + 1)) - docstring_lines(node)
    return sum(bool(lines[i - 1].strip()) for i in within)


def docstring_lines(tree):
    r"""Numbers of the lines of all docstrings of functions and classes within."""
    kinds = (ast.FunctionDef, ast.ClassDef)
    documented = [n for n in ast.walk(tree) if isinstance(n, kinds) and ast.get_docstring(n)]
    firsts = [node.body[0] for node in documented]
    return {i for first in firsts for i in range(first.lineno, first.end_lineno + 1)}


def law_docstrings(name, text):
    problems = []
    for label, node, owner in public(parse(text)):
        where = f"{name}:{node.lineno}: {label}"
        docstring = ast.get_docstring(node)
        if docstring is None:
            kept = label.endswith(".forward") and says_shape(ast.get_docstring(owner) or "")
            problems += [] if kept else [f"{where} has no docstring"]
            continue
        if not text.splitlines()[node.body[0].lineno - 1].lstrip().startswith('r"""'):
            problems.append(f'{where}: docstring is not r"""raw"""')
        for entry in re.findall(r"^    (\S[^:\n]*):", section(docstring, "Args"), re.M):
            stale = set(re.findall(r"\w+", entry)) - set(parameters(node))
            problems += [f"{where}: Args names {word}, no parameter" for word in sorted(stale)]
        for error in raised(node):
            if error not in section(docstring, "Raises"):
                problems.append(f"{where}: Raises does not name {error}")
        if name.startswith(ARRAYS) and works_on_arrays(node):
            if not says_shape(docstring, classes_of(text)):
                problems.append(f"{where}: says no shape, such as (B, L, 70), nor scalar")
        lines, allowed = lines_of(docstring), min(LINES, max(SHORT, lines_of_code(node, text)))
        if lines > allowed:
            problems.append(f"{where}: docstring of {lines} lines; {allowed} are allowed")
    return problems


def docstring_share(texts):
    r"""Lines of docstrings of functions and classes, and lines of code, of several files."""
    documented, code = 0, 0
    for text in texts:
        tree, lines = parse(text), text.splitlines()
        head = tree.body[:1] if ast.get_docstring(tree) else []
        head = {i for first in head for i in range(first.lineno, first.end_lineno + 1)}
        filled = {i for i, line in enumerate(lines, 1) if line.strip()}
        documented += len(filled & docstring_lines(tree))
        code += len(filled - docstring_lines(tree) - head)
    return documented, code


def law_line_length(name, text):
    return [
        f"{name}:{n}: {len(line)} columns; 100 are allowed"
        for n, line in enumerate(text.splitlines(), 1)
        if len(line) > 100
    ]


@functools.cache
def imports(text):
    r"""(line, dotted module, inside a function) of every import, `from a import b` also as a.b."""
    tree = parse(text)
    found = []
    inside = {id(n) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) for n in ast.walk(f)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""] + [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        found += [(node.lineno, module, id(node) in inside) for module in names]
    return found


def within(module, packages):
    return any(module == package or module.startswith(package + ".") for package in packages)


def law_packages(name, text):
    allowed = PACKAGES | OURS | set(sys.stdlib_module_names)
    problems = [
        f"{name}:{line}: imports {module}; only the packages of requirements.txt are allowed"
        for line, module, _ in imports(text)
        if module.split(".")[0] not in allowed
    ]
    problems += [
        f"{name}:{line}: relative import" for line, module, _ in imports(text) if not module
    ]
    if not name.startswith("tests/"):
        problems += [
            f"{name}:{line}: pytest is for tests"
            for line, module, _ in imports(text)
            if within(module, ["pytest"])
        ]
    return problems


def law_media(name, text):
    return [
        f"{name}:{line}: imports {module}; only mfr/files/sounds.py and ffmpeg.py may"
        for line, module, _ in imports(text)
        if within(module, ["soundfile", "imageio_ffmpeg"])
        and name not in ("mfr/files/sounds.py", "mfr/files/ffmpeg.py")
    ]


def law_matplotlib(name, text):
    return [
        f"{name}:{line}: imports {module} at its top; it belongs where a picture is drawn"
        for line, module, inside in imports(text)
        if within(module, ["matplotlib"]) and not inside
    ]


def room(module):
    r"""The room that a dotted name lies in: mfr.motion, mfr.evaluation.tables, mfr.pipeline ..."""
    parts = module.split(".")
    nested = parts[:2] in (["mfr", "evaluation"], ["data_tools", "synthetic"])
    return ".".join(parts[: 3 if nested else 2])


def law_direction(name, text):
    problems = []
    here = room(name.removesuffix(".py").replace("/", "."))
    for line, module, inside in imports(text):
        where = f"{name}:{line}: imports {module}"
        if name.startswith("mfr/") and within(module, ["data_tools", "tutorials", "tests"]):
            problems.append(f"{where}; mfr stands alone")
        lazily = here == "mfr.pipeline" and inside and room(module) in LATER
        if here in BELOW and within(module, ["mfr", "data_tools"]) and "." in module:
            if room(module) not in BELOW[here] | {here} and not lazily:
                problems.append(f"{where}; {here} does not look up")
        if name.startswith(FILELESS) and within(module, FILE_MODULES):
            problems.append(f"{where}; {here} knows nothing of files")
    if name.startswith(FILELESS):
        problems += [
            f"{name}:{call.lineno}: opens a file"
            for call in calls(text)
            if ast.unparse(call.func) in ("open", "np.load", "np.save", "torch.load", "torch.save")
        ]
    return problems


@functools.cache
def calls(text):
    return [node for node in ast.walk(parse(text)) if isinstance(node, ast.Call)]


def keyword(call, name):
    return next((ast.unparse(k.value) for k in call.keywords if k.arg == name), None)


def law_safe_loading(name, text):
    problems = [
        f"{name}:{line}: imports {module}; it can run code while loading"
        for line, module, _ in imports(text)
        if within(module, ["pickle", "cPickle", "dill", "shelve", "marshal", "joblib"])
    ]
    for call in calls(text):
        function = ast.unparse(call.func)
        if function == "torch.load" and keyword(call, "weights_only") != "True":
            problems.append(f"{name}:{call.lineno}: torch.load without weights_only=True")
        if function.endswith(".load") and keyword(call, "allow_pickle") not in (None, "False"):
            problems.append(f"{name}:{call.lineno}: {function} with allow_pickle")
        if function in ("eval", "exec") and name != "tutorials/run.py":
            problems.append(f"{name}:{call.lineno}: {function}")
    return problems


def law_generators(name, text):
    r"""mfr and data_tools draw from generators that are arguments, never from global state."""
    drawn = {"rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial"}
    problems = [
        f"{name}:{line}: imports {module}; draw from a generator"
        for line, module, _ in imports(text)
        if within(module, ["random", "numpy.random", "secrets"])
    ]
    for call in calls(text):
        function = ast.unparse(call.func)
        module, _, last = function.rpartition(".")
        where = f"{name}:{call.lineno}: {function}"
        if module == "torch" and last in drawn and keyword(call, "generator") is None:
            problems.append(f"{where} without generator=")
        seeds = function == "torch.manual_seed" and "/" not in name  # a script, for nn.init
        if module == "torch" and last in GLOBAL_DRAWS and not seeds:
            problems.append(f"{where} uses the global generator")
        if module in ("np.random", "numpy.random"):
            if last not in ("default_rng", "Generator", "SeedSequence", "PCG64"):
                problems.append(f"{where} uses the global generator")
            elif last == "default_rng" and not call.args and not call.keywords:
                problems.append(f"{where} without a seed")
    return problems


def law_no_machine_paths(name, text):
    machine = (
        r"(?<![\w.~:/>)])/(?:work|opt|home|root|tmp|Users|mnt|srv|var|usr)/\w|\b[A-Z]:[\\/]+Users"
    )
    return [
        f"{name}:{text[: match.start()].count(chr(10)) + 1}: {match[0]!r} is one machine's path"
        for match in re.finditer(machine, text)
    ]


LAWS = {
    law_docstrings: LIBRARY,
    law_line_length: PYTHON,
    law_packages: [name for name in PYTHON if not name.startswith("tests/benchmarks/")],
    law_media: LIBRARY,
    law_matplotlib: LIBRARY,
    law_direction: LIBRARY,
    law_safe_loading: [*LIBRARY, *files("tutorials")],  # tests make bad files to show them refused
    law_generators: LIBRARY,
    law_no_machine_paths: TEXT,
}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_house_keeps(law):
    problems = [problem for name in LAWS[law] for problem in law(name, source(name))]
    assert not problems, f"{len(problems)} problems:\n" + "\n".join(problems)


def test_code_outweighs_its_docstrings():
    core = [source(name) for name in LIBRARY if not name.startswith("data_tools/")]
    documented, code = docstring_share(core)
    assert documented <= SHARE * code, f"{documented} lines of docstrings to {code} of code"


def test_share_counts_filled_lines_and_leaves_a_files_own_docstring_out():
    text = 'r"""M."""\n\n\ndef f():\n    r"""a\n\n    b\n    """\n    # c\n    return 1\n'
    assert docstring_share([text, text]) == (2 * 3, 2 * 3)


def test_house_is_read_whole():
    assert {"mfr/config.py", "mfr/motion/diffusion.py", "data_tools/__init__.py"} <= set(LIBRARY)
    assert {"tests/test_house.py", "tutorials/run.py"} <= set(PYTHON)


# ---- each law broken once ----

ARGS = 'r"""Act.\n\n    Args:\n        x: a.\n    """'
LONG = 'r"""Act.\n' + "    more\n" * 9 + '    """'
BROKEN = [
    (law_docstrings, "mfr/a.py", "def f():\n    pass", "a.py:1: f has no docstring"),
    (law_docstrings, "mfr/a.py", 'def f():\n    """Act."""', 'docstring is not r"""raw"""'),
    (
        law_docstrings,
        "mfr/a.py",
        'class C:\n    r"""C."""\n    def f(self):\n        pass',
        "C.f has",
    ),
    (
        law_docstrings,
        "mfr/a.py",
        'class C:\n    r"""C."""\n    def forward(self):\n        pass',
        "C.forward has",
    ),
    (law_docstrings, "mfr/a.py", f"def f(y):\n    {ARGS}", "f: Args names x, no parameter"),
    (
        law_docstrings,
        "mfr/a.py",
        "def f(x):\n    " + ARGS.replace("x:", "x, z:"),
        "f: Args names z, no parameter",
    ),
    (
        law_docstrings,
        "mfr/a.py",
        f"class C:\n    {ARGS}\n    def __init__(self, width):\n        pass",
        "C: Args names x, no parameter",
    ),
    (
        law_docstrings,
        "mfr/a.py",
        'def f():\n    r"""Act."""\n    raise ValueError("x")',
        "name ValueError",
    ),
    (
        law_docstrings,
        "mfr/a.py",
        'def f():\n    r"""Act.\n\n    Raises:\n        OSError: a.\n    """\n    raise ValueError',
        "f: Raises does not name ValueError",
    ),
    (
        law_docstrings,
        "mfr/motion/a.py",
        'def f(x):\n    r"""x + x (Fig. 2, 3), in (0, 1)."""\n    return torch.add(x, x)',
        "f: says no shape",
    ),
    (
        law_docstrings,
        "mfr/sound/a.py",
        'def f(x):\n    r"""The (mean, median)."""\n    return x.mean()',
        "f: says no shape",
    ),
    (
        law_docstrings,
        "mfr/render/a.py",
        'def f(x):\n    r"""x times x."""\n    return x @ x',
        "f: says no shape",
    ),
    (
        law_docstrings,
        "mfr/face/a.py",
        'class C:\n    r"""C."""\n    def forward(self, x):\n        r"""x."""\n        return x',
        "C.forward: says no shape",
    ),
    (law_docstrings, "mfr/a.py", f"def f():\n    {LONG}", "docstring of 10 lines; 9 are allowed"),
    (
        law_docstrings,
        "mfr/a.py",
        "def f():\n    " + LONG.replace("    more\n", "    more\n" * 2) + "\n    x = 1" * 40,
        "docstring of 19 lines; 15 are allowed",
    ),
    (law_line_length, "mfr/a.py", "x = 1  # " + "x" * 92, "a.py:1: 101 columns"),
    (law_packages, "mfr/a.py", "import pandas", "imports pandas"),
    (law_packages, "mfr/a.py", "def f():\n    from cv2 import x", "imports cv2"),
    (law_packages, "mfr/a.py", "from . import b", "relative import"),
    (law_packages, "mfr/a.py", "import pytest", "pytest is for tests"),
    (law_media, "mfr/files/vico.py", "def f():\n    import soundfile", "imports soundfile"),
    (law_media, "data_tools/a.py", "import imageio_ffmpeg", "imports imageio_ffmpeg"),
    (
        law_matplotlib,
        "mfr/a.py",
        "import matplotlib.pyplot as plt",
        "imports matplotlib.pyplot at its top",
    ),
    (law_direction, "mfr/a.py", "def f():\n    from data_tools import x", "mfr stands alone"),
    (
        law_direction,
        "mfr/motion/fam.py",
        "def f():\n    from mfr.evaluation import metrics",
        "mfr.motion does not look up",
    ),
    (
        law_direction,
        "mfr/pipeline.py",
        "from mfr.official import hopenet",
        "mfr.pipeline does not look up",
    ),
    (
        law_direction,
        "mfr/face/camera.py",
        "from mfr.render import head",
        "mfr.face does not look up",
    ),
    (
        law_direction,
        "mfr/sound/features.py",
        "from pathlib import Path",
        "mfr.sound knows nothing of files",
    ),
    (law_direction, "mfr/motion/clips.py", "from mfr.files import media", "does not look up"),
    (
        law_direction,
        "mfr/sound/features.py",
        "def f(p):\n    return open(p)",
        "features.py:2: opens a file",
    ),
    (law_safe_loading, "mfr/a.py", "import pickle", "imports pickle"),
    (law_safe_loading, "mfr/a.py", "torch.load(p)", "without weights_only=True"),
    (
        law_safe_loading,
        "mfr/a.py",
        "torch.load(p, weights_only=False)",
        "without weights_only=True",
    ),
    (law_safe_loading, "mfr/a.py", "np.load(p, allow_pickle=True)", "with allow_pickle"),
    (law_safe_loading, "mfr/a.py", "eval(p)", "a.py:1: eval"),
    (law_generators, "mfr/a.py", "x = torch.randn(3)", "torch.randn without generator="),
    (law_generators, "mfr/a.py", "x = torch.randn_like(y)", "uses the global generator"),
    (law_generators, "mfr/a.py", "torch.manual_seed(0)", "uses the global generator"),
    (law_generators, "mfr/a.py", "np.random.seed(0)", "uses the global generator"),
    (law_generators, "mfr/a.py", "np.random.default_rng()", "without a seed"),
    (law_generators, "mfr/a.py", "import random", "imports random"),
    (law_no_machine_paths, "README.md", "see " + "/home" + "/me/x", "is one machine's path"),
    (law_no_machine_paths, "mfr/a.py", 'x = "' + "/tmp" + '/x"', "is one machine's path"),
]


@pytest.mark.parametrize("law, name, text, message", BROKEN)
def test_broken_law_is_found(law, name, text, message):
    assert message in "\n".join(law(name, text))


ALLOWED = [
    (law_docstrings, "mfr/a.py", f"def f(x):\n    {ARGS}\ndef _g(y):\n    pass"),
    (law_docstrings, "mfr/a.py", f"def f(x, y):\n    {ARGS}"),
    (law_docstrings, "mfr/a.py", "def f(x, z):\n    " + ARGS.replace("x:", "x, z:")),
    (law_docstrings, "mfr/a.py", f"class C:\n    {ARGS}\n    def __init__(self, x):\n        pass"),
    (law_docstrings, "mfr/a.py", f"class C:\n    {ARGS}\n    x: int"),
    (
        law_docstrings,
        "mfr/a.py",
        f"class C:\n    r'C'\n    def f(self, x):\n        {ARGS}".replace("'", '"""'),
    ),
    (
        law_docstrings,
        "mfr/motion/a.py",
        'class C:\n    r"""(B, L, 70) doubled."""\n    def forward(self, x):\n        return 2 * x',
    ),
    (
        law_docstrings,
        "mfr/motion/a.py",
        'def f(x):\n    r"""(B K, T + 1, C/H)."""\n    return torch.add(x, x)',
    ),
    (
        law_docstrings,
        "mfr/motion/a.py",
        'def f(x):\n    r"""A scalar."""\n    return torch.sum(x)',
    ),
    (
        law_docstrings,
        "mfr/motion/a.py",
        'class Step:\n    r"""S."""\ndef f(x):\n    r"""A Step."""\n    return Step(x.sum())',
    ),
    (law_docstrings, "mfr/motion/a.py", 'def f(x):\n    r"""Save."""\n    torch.add(x, x)'),
    (law_docstrings, "mfr/a.py", f"def f():\n    {LONG}" + "\n    x = 1" * 9),
    (law_docstrings, "mfr/a.py", "def f():\n    " + LONG.replace("more", "| a table |")),
    (law_packages, "tests/a.py", "import pytest\nimport numpy as np\nfrom mfr.sound import mfcc"),
    (law_media, "mfr/files/sounds.py", "import soundfile"),
    (law_matplotlib, "mfr/a.py", "def f():\n    import matplotlib.pyplot as plt"),
    (law_direction, "mfr/pipeline.py", "def f():\n    from mfr.official import hopenet"),
    (law_safe_loading, "mfr/a.py", "torch.load(p, weights_only=True)\nnp.load(p)"),
    (law_generators, "mfr/a.py", "torch.randn(3, generator=g)\nnp.random.default_rng(seed)"),
    (law_generators, "train_mfr.py", "torch.manual_seed(seed)"),
    (law_no_machine_paths, "README.md", "https://example.org/home/x and data/tmp/x and a/root/b"),
]


@pytest.mark.parametrize("law, name, text", ALLOWED)
def test_lawful_file_is_left_alone(law, name, text):
    assert law(name, text) == []


# ---- the README's file tree ----


def tree_of(text):
    r"""Paths in the block below the heading Files: a path a line, two spaces a level."""
    match = re.search(r"^#+ Files\b.*?^```\w*\n(.*?)^```", text, re.M | re.S)
    paths, parents = [], []
    for line in match[1].splitlines() if match else []:
        if line.strip():
            depth = (len(line) - len(line.lstrip())) // 2
            parents[depth:] = [line.split()[0]]
            paths.append("".join(parents))
    return paths


def tree_problems(text, exists, children):
    r"""What the tree names and is not there; what is there and a folder with entries omits."""
    paths = tree_of(text)
    problems = [] if paths else ["there is no file tree below a heading 'Files'"]
    problems += [f"{path} does not exist" for path in paths if not exists(path)]
    for folder in sorted({path[: path.rstrip("/").rfind("/") + 1] for path in paths}):
        missing = set(children(folder)) - set(paths)
        problems += [f"{path} is not in the tree" for path in sorted(missing)]
    return problems


def real_children(folder):
    r"""What a tree should list in a folder: its folders and its files, hidden ones left out."""
    for path in (ROOT / folder).iterdir():
        hidden = path.name.startswith((".", "_")) or path.name in SKIPPED - {"weights"}
        if not hidden:
            yield folder + path.name + ("/" if path.is_dir() else "")


def test_readme_tree_is_the_real_tree():
    if not (ROOT / "README.md").exists():
        pytest.skip("README.md does not exist yet")
    assert tree_problems(source("README.md"), lambda p: (ROOT / p).exists(), real_children) == []


README = """# Files

```text
a.py           one
mfr/
  b.py         two
  weights/     three
```
"""


@pytest.mark.parametrize(
    "text, there, message",
    [
        (README, "a.py mfr/ mfr/b.py mfr/weights/", None),
        (README, "a.py mfr/ mfr/b.py mfr/weights/ mfr/c.py", "mfr/c.py is not in the tree"),
        (README, "a.py mfr/ mfr/b.py mfr/weights/ d.py", "d.py is not in the tree"),
        (README, "a.py mfr/ mfr/b.py", "mfr/weights/ does not exist"),
        (README.replace("two", "two.py"), "a.py mfr/ mfr/b.py mfr/weights/", None),
        ("# Other", "a.py", "there is no file tree"),
    ],
)
def test_tree_that_differs_is_found(text, there, message):
    there = there.split()

    def children(folder):
        return [path for path in there if path[: path.rstrip("/").rfind("/") + 1] == folder]

    problems = tree_problems(text, lambda path: path in there, children)
    assert problems == [] if message is None else message in "\n".join(problems)
