"""The house: which room may import which, what is imported when, and how large a piece may be."""

import ast
import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from subprocess import CompletedProcess

import pytest

ROOT = Path(str(files("labelgate.fixtures"))).parent
ROOMS = ("dataset_tests", "plugins", "expectations", "fixtures")
MODULES = [file for room in ROOMS for file in sorted((ROOT / room).rglob("*.py"))]
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "dataset_tests": (),
    "plugins": ("plugins", "expectations", "fixtures"),
    "expectations": ("expectations", "fixtures"),
    "fixtures": ("fixtures",),
}
HEAVY = {
    *("torch", "great_expectations", "pandas", "scipy", "sklearn", "cv2", "faiss", "open_clip"),
    *("timm", "cleanlab", "krippendorff", "ray"),
}
COLD = {"PYTHONUTF8": "1"}
"""A variable of Python's own, for a process that is no fork of the warm one, which has imported."""

PRINT_MODULES = """
import json
import sys


def pytest_unconfigure():
    print("MODULES" + json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""

Collection = tuple[Path, "CompletedProcess[str]"]

each_module = pytest.mark.parametrize(
    "module", MODULES, ids=lambda file: file.relative_to(ROOT).as_posix()
)


@cache
def parse(module: Path) -> ast.Module:
    """Each module is looked at by several tests."""
    return ast.parse(module.read_text())


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return (node for node in ast.walk(tree) if isinstance(node, kinds))


@each_module
def test_rooms_import_only_the_rooms_below_them(module: Path) -> None:
    room = module.relative_to(ROOT).parts[0]
    ours = [name for name in imported(parse(module)) if "labelgate" in name]
    rooms = {name.split(".")[1] for name in ours}
    assert rooms <= set(MAY_IMPORT[room])


@each_module
def test_no_import_is_relative(module: Path) -> None:
    names = imported(parse(module))
    assert [name for name in names if name.startswith(".")] == []


@each_module
def test_a_module_has_at_most_250_lines(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= 250


@each_module
def test_a_function_has_at_most_40_lines_beside_its_docstring(module: Path) -> None:
    for node in functions(parse(module)):
        first = node.body[0]
        told = (first.end_lineno or 0) - first.lineno + 1 if ast.get_docstring(node) else 0
        assert (node.end_lineno or 0) - node.lineno + 1 - told <= 40, node.name


@each_module
def test_nothing_is_unpickled_or_evaluated(module: Path) -> None:
    tree = parse(module)
    assert not {"pickle", "marshal", "shelve", "joblib", "dill"} & set(imported(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in ("allow_pickle", "shell"):
            assert isinstance(node.value, ast.Constant)
            assert node.value.value is False
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("eval", "exec", "Markup")


def catches_everything(handler: ast.ExceptHandler) -> bool:
    names = [node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)] if (
        handler.type
    ) else ["BaseException"]  # fmt: skip
    return bool({"Exception", "BaseException"} & set(names))


@each_module
def test_no_error_of_any_kind_is_dropped(module: Path) -> None:
    for node in ast.walk(parse(module)):
        if isinstance(node, ast.ExceptHandler) and catches_everything(node):
            assert node.type is not None, f"line {node.lineno}: a bare except"
            assert node.name is not None, f"line {node.lineno}: what was raised is not used"
            used = [n for n in ast.walk(node) if isinstance(n, ast.Name) and n.id == node.name]
            assert used, f"line {node.lineno}: what was raised is not used"


@each_module
def test_heavy_libraries_are_imported_where_they_are_used(module: Path) -> None:
    if module.name == "suites.py":  # imported by the judge inside a function
        return
    tree = parse(module)
    typing_only = {
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for child in ast.walk(node)
    }
    inside = {child for node in functions(tree) for child in ast.walk(node)}
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    at_import = [node for node in nodes if node not in typing_only and node not in inside]
    names = [name for node in at_import for name in imported(node)]
    assert not {name.partition(".")[0] for name in names} & HEAVY


STEMS = [file.stem.removeprefix("test_") for file in (ROOT / "dataset_tests").glob("test_*.py")]


@pytest.mark.parametrize("stem", sorted(STEMS))
def test_a_notion_has_one_stem_in_every_room(stem: str) -> None:
    assert (ROOT / "dataset_tests" / f"test_{stem}.py").is_file()
    assert (ROOT / "fixtures" / f"{stem}.py").is_file()
    assert f"\n[{stem}." in (ROOT / "expectations" / "limits.toml").read_text()
    text = (ROOT / "fixtures" / f"{stem}.py").read_text()
    last = ast.parse(text).body[-1]
    assert isinstance(last, ast.FunctionDef)
    assert last.name == stem
    assert ast.unparse(last.decorator_list[0]) == "pytest.fixture(scope='session')"


def test_what_a_check_is_stands_in_one_place() -> None:
    spelt = [file for file in MODULES if '"gate" in' in file.read_text()]
    assert [file.relative_to(ROOT).as_posix() for file in spelt] == ["fixtures/checks.py"]


def test_conftest_is_one_list_of_plugins_that_all_exist_and_what_imports_them() -> None:
    tree = ast.parse((ROOT / "conftest.py").read_text())
    kinds = ast.Assign, ast.FunctionDef
    assignment, hook = (node for node in tree.body if isinstance(node, kinds))
    assert len(tree.body) == 4  # with a docstring and an import
    assert isinstance(assignment, ast.Assign)
    assert isinstance(hook, ast.FunctionDef)
    assert hook.name == "pytest_plugin_registered"
    for name in ast.literal_eval(assignment.value):
        path = ROOT.joinpath(*name.split(".")[1:])
        assert path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


@pytest.fixture(scope="module")
def collection(
    tmp_path_factory: pytest.TempPathFactory,
    suite: Callable[..., "CompletedProcess[str]"],
    draw: Callable[[Path, Mapping[str, int]], Path],
) -> tuple[Path, "CompletedProcess[str]"]:
    folder = tmp_path_factory.mktemp("collected")
    draw(folder / "data", {"train/cat/1.png": 1, "train/dog/1.png": 2})
    (folder / "print_modules.py").write_text(PRINT_MODULES)
    return folder, suite(folder, "--collect-only", "-q", "-p", "print_modules", **COLD)


def test_collection_imports_nothing_heavy(collection: Collection) -> None:
    assert collection[1].returncode == 0, collection[1].stderr
    told = collection[1].stdout[collection[1].stdout.index("MODULES") + 7 :].splitlines()[0]
    assert not HEAVY & set(json.loads(told))


def test_collection_warns_of_nothing(collection: Collection) -> None:
    told = [line for line in collection[1].stdout.splitlines() if not line.startswith("MODULES")]
    assert "warning" not in "\n".join(told).lower()


def test_collection_writes_no_report_and_no_store(collection: Collection) -> None:
    assert not (collection[0] / "report").exists()
    assert not (collection[0] / "store").exists()


def test_entry_points_import_only_pytest_and_the_standard_library(
    tmp_path: Path, python: Callable[..., "CompletedProcess[str]"]
) -> None:
    code = (
        "import sys, pytest\n"
        "before = set(sys.modules)\n"
        "import labelgate.plugins.options, labelgate.plugins.report\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new - sys.stdlib_module_names))\n"
    )
    run = python(tmp_path, "-c", code)
    assert run.stdout.strip() == "['labelgate']", run.stdout + run.stderr


def test_a_pytest_without_a_dataset_imports_next_to_nothing_of_ours(
    tmp_path: Path, python: Callable[..., "CompletedProcess[str]"]
) -> None:
    (tmp_path / "test_other.py").write_text(
        "import sys\n\ndef test_other():\n"
        "    ours = {name for name in sys.modules if name.startswith('labelgate')}\n"
        "    ours -= {'labelgate.fixtures.settings'}  # which imports pytest alone\n"
        "    assert not [name for name in ours if '.fixtures.' in name or '.expect' in name]\n"
        "    assert not {'numpy', 'pydantic', 'pandas'} & set(sys.modules)\n"
    )
    given = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_other.py")
    run = python(tmp_path, *given, **COLD)
    assert run.returncode == 0, run.stdout


def test_the_meta_tests_start_without_a_warning(
    tmp_path: Path, python: Callable[..., "CompletedProcess[str]"]
) -> None:
    root = Path(__file__).parents[1]
    file = Path(__file__).with_name("test_command.py")
    arguments = (str(file), f"--rootdir={root}", "-c", str(root / "pyproject.toml"))
    run = python(root, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *arguments)
    assert run.returncode == 0, run.stdout + run.stderr
