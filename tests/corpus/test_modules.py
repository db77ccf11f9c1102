import pytest

from gi.corpus.modules import ModuleFile, modules, texts_below


@pytest.mark.parametrize(
    ("paths", "path", "module"),
    [
        (["net.py"], "net.py", ModuleFile(".", "net")),
        (["mnist/main.py"], "mnist/main.py", ModuleFile("mnist", "main")),
        (["pkg/__init__.py", "pkg/net.py"], "pkg/net.py", ModuleFile(".", "pkg.net")),
        (["pkg/__init__.py"], "pkg/__init__.py", ModuleFile(".", "pkg.__init__")),
        (["src/pkg/__init__.py", "src/pkg/net.py"], "src/pkg/net.py", ModuleFile("src", "pkg.net")),
        (["a/__init__.py", "a/b/__init__.py", "a/b/c.py"], "a/b/c.py", ModuleFile(".", "a.b.c")),
        (["__init__.py", "net.py"], "net.py", ModuleFile(".", "net")),
    ],
)
def test_a_file_is_the_module_that_python_would_import(paths: list[str], path: str, module: ModuleFile) -> None:
    assert modules(paths)[path] == module


def test_a_program_can_import_what_lies_below_its_root() -> None:
    texts = {"a/net.py": "1", "a/b/__init__.py": "2", "ab/net.py": "3"}
    assert texts_below("a", texts) == {"net": "1", "b.__init__": "2"}
    assert texts_below(".", texts) == {"a.net": "1", "a.b.__init__": "2", "ab.net": "3"}
