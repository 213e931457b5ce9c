"""Finding and calling a user's functions, and the sentences when that fails."""

import sys

import pytest

from planner.errors import ModelLoadError
from profilers import factories


def written(directory, **files):
    directory.mkdir(exist_ok=True)
    for name, text in files.items():
        (directory / f"{name}.py").write_text(text)
    return directory


def test_a_function_is_found_beside_the_document_and_called(tmp_path):
    home = written(
        tmp_path,
        owned="from layer import WIDTH\ndef build(): return WIDTH",
        layer="WIDTH = 3",
    )

    assert factories.call("owned:build", home) == 3


def test_two_directories_may_use_the_same_names(tmp_path):
    text = "from part import X\ndef build(): return X"
    one = written(tmp_path / "one", owned=text, part="X = 1")
    two = written(tmp_path / "two", owned=text, part="X = 2")

    answers = [factories.call("owned:build", home) for home in (one, two, one)]

    assert answers == [1, 2, 1]


def test_the_search_path_is_as_before_even_when_the_code_fails(tmp_path):
    home = written(tmp_path, owned="def build(): raise ValueError('no')")
    before = list(sys.path)

    with pytest.raises(ModelLoadError):
        factories.call("owned:build", home)

    assert sys.path == before


@pytest.mark.parametrize(
    ("factory", "text", "message"),
    [
        ("absent:build", "", r"'absent' is not in .*put a file absent\.py there"),
        ("owned:make", "", r"owned\.py has no function 'make'"),
        ("owned:build", "build = 3", r"owned\.py has no function 'build'"),
        (
            "owned:build",
            "import no_such_package",
            "ModuleNotFoundError.*no_such_package",
        ),
        ("owned:build", "def build(:", r"importing .*owned\.py failed: SyntaxError"),
        ("owned:build", "def build(x): pass", "missing 1 required positional argument"),
        ("owned:build", "def build(): return 1 / 0", "ZeroDivisionError: division"),
        ("owned:build", "raise SystemExit(2)", "SystemExit: 2"),
    ],
)
def test_what_goes_wrong_is_one_sentence_with_the_file(
    tmp_path, factory, text, message
):
    home = written(tmp_path, owned=text)

    with pytest.raises(ModelLoadError, match=message) as caught:
        factories.call(factory, home)

    assert "\n" not in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_a_name_that_an_installed_module_has_is_refused(tmp_path):
    home = written(tmp_path, json="def build(): return 1")

    with pytest.raises(ModelLoadError, match="'json' already belongs to"):
        factories.call("json:build", home)


def test_a_live_factory_is_called_as_it_is(tmp_path):
    assert factories.call(lambda: 5, tmp_path) == 5


def test_a_live_factory_that_fails_is_named(tmp_path):
    def broken():
        raise RuntimeError("first\nsecond")

    with pytest.raises(ModelLoadError, match=r"live factory '.*broken'.*: first$"):
        factories.call(broken, tmp_path)
