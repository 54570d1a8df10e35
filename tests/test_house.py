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
BELOW = {
    "mfr.config": set(),
    "mfr.sound": {"mfr.config"},
    "mfr.files": {"mfr.config"},
    "mfr.face": {"mfr.config", "mfr.files"},
    "mfr.motion": {"mfr.config", "mfr.face"},
    "mfr.render": {"mfr.config", "mfr.face"},
    "mfr.training": CORE - {"mfr.training"},
    "mfr.pipeline": CORE,
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
# docstring lines that are not empty: the form needs 8, each parameter about 2
LINES, LINES_A_PARAMETER = 12, 2
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
    r"""(name, node, is a method) of every public function, class and method."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            yield node.name, node, False
            for inner in node.body if isinstance(node, ast.ClassDef) else []:
                if isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_"):
                    yield f"{node.name}.{inner.name}", inner, True


def section(docstring, title):
    r"""The indented lines below `title:` in a docstring."""
    match = re.search(rf"^{title}:\n((?:(?: +.*)?\n)*)", docstring + "\n", re.M)
    return match[1] if match else ""


def parameters(node, method=False):
    r"""Names of a function's parameters, or of a class's __init__; none for a dataclass."""
    if isinstance(node, ast.ClassDef):
        node = next((n for n in node.body if getattr(n, "name", "") == "__init__"), None)
        if node is None:
            return []
        method = True
    arguments = node.args
    static = any(getattr(d, "id", "") == "staticmethod" for d in node.decorator_list)
    names = [a.arg for a in [*arguments.posonlyargs, *arguments.args]][method and not static :]
    names += [a.arg for a in arguments.kwonlyargs]
    return names + [a.arg for a in (arguments.vararg, arguments.kwarg) if a]


def raised(node):
    r"""Names of the exceptions that a body raises itself."""
    if isinstance(node, ast.ClassDef):
        node = next((n for n in node.body if getattr(n, "name", "") == "__init__"), node)
        if isinstance(node, ast.ClassDef):
            return []
    found = [n.exc for n in ast.walk(node) if isinstance(n, ast.Raise) and n.exc is not None]
    found = [exc.func if isinstance(exc, ast.Call) else exc for exc in found]
    return sorted({ast.unparse(exc) for exc in found if ast.unparse(exc)[0].isupper()})


def law_docstrings(name, text):
    problems = []
    for label, node, method in public(parse(text)):
        where = f"{name}:{node.lineno}: {label}"
        docstring = ast.get_docstring(node)
        if docstring is None:
            problems.append(f"{where} has no docstring")
            continue
        if not text.splitlines()[node.body[0].lineno - 1].lstrip().startswith('r"""'):
            problems.append(f'{where}: docstring is not r"""raw"""')
        names = parameters(node, method)
        for parameter in names:
            if not re.search(
                rf"^ *\*{{0,2}}(?:\w+, )*{parameter}\b.*:", section(docstring, "Args"), re.M
            ):
                problems.append(f"{where}: Args does not name {parameter}")
        for error in raised(node):
            if error not in section(docstring, "Raises"):
                problems.append(f"{where}: Raises does not name {error}")
        prose = [line.strip() for line in docstring.splitlines()]
        lines = sum(bool(line) and not line.startswith("|") for line in prose)  # tables are free
        budget = LINES + LINES_A_PARAMETER * len(names)
        if lines > budget:
            problems.append(f"{where}: docstring of {lines} lines; {budget} are allowed")
    return problems


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
        f"{name}:{line}: imports {module}; only mfr/files/media.py may"
        for line, module, _ in imports(text)
        if within(module, ["soundfile", "imageio_ffmpeg"]) and name != "mfr/files/media.py"
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
        lazily = here == "mfr.pipeline" and inside and room(module) == "mfr.official"
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


def test_house_is_read_whole():
    assert {"mfr/config.py", "mfr/motion/diffusion.py", "data_tools/__init__.py"} <= set(LIBRARY)
    assert {"tests/test_house.py", "tutorials/run.py"} <= set(PYTHON)


# ---- each law broken once ----

ARGS = 'r"""Act.\n\n    Args:\n        x: a.\n    """'
BROKEN = [
    (law_docstrings, "mfr/a.py", "def f():\n    pass", "a.py:1: f has no docstring"),
    (law_docstrings, "mfr/a.py", 'def f():\n    """Act."""', 'docstring is not r"""raw"""'),
    (
        law_docstrings,
        "mfr/a.py",
        'class C:\n    r"""C."""\n    def f(self):\n        pass',
        "C.f has",
    ),
    (law_docstrings, "mfr/a.py", f"def f(x, y):\n    {ARGS}", "f: Args does not name y"),
    (law_docstrings, "mfr/a.py", f"def f(x, *, z):\n    {ARGS}", "f: Args does not name z"),
    (law_docstrings, "mfr/a.py", f"def f(x, **kw):\n    {ARGS}", "f: Args does not name kw"),
    (law_docstrings, "mfr/a.py", 'def f(x):\n    r"""Act on x: a."""', "Args does not name x"),
    (
        law_docstrings,
        "mfr/a.py",
        f"class C:\n    {ARGS}\n    def __init__(self, x, width):\n        pass",
        "C: Args does not name w",
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
        "mfr/a.py",
        'def f():\n    r"""Act.\n' + "    more\n" * 12 + '    """',
        "13 lines; 12",
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
    (law_docstrings, "mfr/a.py", f"class C:\n    {ARGS}\n    def __init__(self, x):\n        pass"),
    (
        law_docstrings,
        "mfr/a.py",
        f"class C:\n    r'C'\n    def f(self, x):\n        {ARGS}".replace("'", '"""'),
    ),
    (law_packages, "tests/a.py", "import pytest\nimport numpy as np\nfrom mfr.sound import mfcc"),
    (law_media, "mfr/files/media.py", "import soundfile"),
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
