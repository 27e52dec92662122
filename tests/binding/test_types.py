"""What type checkers are told is true: the extension module's stub has its names, parameters and
types; the package's public functions and classes are annotated."""
import ast
import importlib
import inspect
import types
import typing

import h5py
import numpy as np
import pytest
import vedatile
from conftest import PACKAGE
from vedatile import _vedatile

STUB = ast.parse((PACKAGE / "vedatile/_vedatile.pyi").read_text())
CLASSES = {node.name: node for node in STUB.body if isinstance(node, ast.ClassDef)}
FUNCTIONS = {node.name: node for node in STUB.body if isinstance(node, ast.FunctionDef)}
# For type checkers only, and what every class has.
UNCOMPARED = {"__buffer__", "__doc__", "__module__", "__reduce__", "__repr__", "__weakref__"}


def members(name):
    return {node.name: node for node in CLASSES[name].body if isinstance(node, ast.FunctionDef)}


def is_property(node):
    return any(isinstance(found, ast.Name) and found.id == "property"
               for found in node.decorator_list)


def extension_classes():
    return [name for name in CLASSES if not issubclass(getattr(_vedatile, name), Exception)]


# --- the extension module -----------------------------------------------------------------------

def test_stub_has_the_names_of_the_module():
    assert {*CLASSES, *FUNCTIONS} == {name for name in vars(_vedatile) if name[:2] != "__"}


@pytest.mark.parametrize("name", CLASSES)
def test_stub_has_the_bases(name):
    bases = [base.id for base in CLASSES[name].bases]
    assert bases == [base.__name__ for base in getattr(_vedatile, name).__bases__
                     if base is not object]


@pytest.mark.parametrize("name", extension_classes())
def test_stub_has_the_members(name):
    found = vars(getattr(_vedatile, name))
    stub = members(name)
    assert set(stub) - UNCOMPARED == set(found) - UNCOMPARED
    assert {member for member in stub if is_property(stub[member])} == {
        member for member in found if inspect.isgetsetdescriptor(found[member])}


@pytest.mark.parametrize("name", extension_classes())
def test_classes_are_as_final_as_the_stub_says(name):
    assert [decorator.id for decorator in CLASSES[name].decorator_list] == ["final"]
    with pytest.raises(TypeError, match="not an acceptable base type"):
        type("Derived", (getattr(_vedatile, name),), {})


def stub_parameters(node):
    """(name, default) of each; a default of ... is any."""
    arguments = node.args
    names = [arg.arg for arg in arguments.posonlyargs + arguments.args]
    defaults = [inspect.Parameter.empty] * (len(names) - len(arguments.defaults))
    pairs = list(zip(names, defaults + [ast.literal_eval(found) for found in arguments.defaults]))
    pairs += [(arg.arg, ast.literal_eval(default))
              for arg, default in zip(arguments.kwonlyargs, arguments.kw_defaults)]
    if arguments.kwarg:
        pairs.append((arguments.kwarg.arg, inspect.Parameter.empty))
    return [pair for pair in pairs if pair[0] not in ("self", "cls")]


def parameters_to_compare():
    for name, node in FUNCTIONS.items():
        yield name, node, getattr(_vedatile, name)
    for name in extension_classes():
        own = getattr(_vedatile, name)
        for member, node in members(name).items():
            found = own if member == "__new__" else getattr(own, member, None)
            if callable(found) and not isinstance(found, types.WrapperDescriptorType) and (
                    found.__text_signature__ is not None):
                yield f"{name}.{member}", node, found


@pytest.mark.parametrize("node, found", [
    pytest.param(node, found, id=name) for name, node, found in parameters_to_compare()])
def test_stub_has_the_parameters(node, found):
    there = [(parameter.name, parameter.default)
             for parameter in inspect.signature(found).parameters.values()]
    stub = stub_parameters(node)
    assert [name for name, _ in stub] == [name for name, _ in there]
    for (name, default), (_, wanted) in zip(stub, there):
        assert default in (wanted, ...), name


# --- values -------------------------------------------------------------------------------------

NAMES = {name: getattr(_vedatile, name) for name in CLASSES} | {"Any": typing.Any}


def fits(value, wanted):
    """Whether a value is of an annotated type."""
    origin, inner = typing.get_origin(wanted), typing.get_args(wanted)
    if wanted is typing.Any:
        return True
    if origin is types.UnionType:
        return any(fits(value, one) for one in inner)
    if origin is tuple and inner[-1] is not ...:
        return isinstance(value, tuple) and len(value) == len(inner) and all(map(fits, value, inner))
    if origin in (tuple, list):
        return isinstance(value, origin) and all(fits(item, inner[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(
            fits(key, inner[0]) and fits(item, inner[1]) for key, item in value.items())
    return value is None if wanted in (None, types.NoneType) else type(value) is wanted


def check_value(name, member, value):
    annotation = ast.unparse(members(name)[member].returns)
    assert fits(value, eval(annotation, dict(NAMES))), (name, member, value, annotation)


def check_properties(made):
    name = type(made).__name__
    for member, node in members(name).items():
        if is_property(node):
            check_value(name, member, getattr(made, member))


def test_fits_tells_types_apart():
    assert fits((1, "a"), tuple[int, str]) and not fits((1, 2), tuple[int, str])
    assert fits(None, int | None) and not fits("a", int | None)
    assert fits({"a": [1]}, dict[str, list[int]]) and not fits({"a": [1.0]}, dict[str, list[int]])
    assert fits((1, 2, 3), tuple[int, ...]) and not fits((1, None), tuple[int, ...])
    assert not fits(True, int)


def test_types_of_a_reader(many):
    reader = _vedatile.Reader(many)
    check_properties(reader)
    for member in ("sample", "image", "mask", "instances", "onehot", "boxes"):
        check_value("Reader", member, getattr(reader, member)("train", 0))
    for member in ("band_stats", "most_boxes", "select"):
        check_value("Reader", member, getattr(reader, member)("train"))
    check_value("Reader", "views", reader.views())


@pytest.mark.parametrize("options", [{}, {"box_pad": 50}, {"tasks": ["classification"]}])
def test_types_of_loader_and_batch(many, options):
    loader = _vedatile.Loader([(_vedatile.Reader(many), "train", None)], batch_size=8, **options)
    check_properties(loader)
    check_value("Loader", "state", loader.state())
    batch = loader.next()
    check_value("Loader", "next", batch)
    check_properties(batch)
    check_properties(batch.images)
    check_value("Array", "__dlpack_device__", batch.images.__dlpack_device__())


@pytest.mark.parametrize("labels", [None, "/y"])
def test_types_of_an_hdf5_file(tmp_path, labels):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.zeros((4, 3, 5, 6), np.uint8)
        file["y"] = np.zeros((4, 2), np.float32)
    opened = _vedatile.Hdf5(tmp_path / "a.h5", "/x", labels)
    check_properties(opened)
    check_value("Hdf5", "image", opened.image(0))
    check_properties(_vedatile.take((opened, None, None), [0, 3]))


def test_types_of_scene_and_writer(tmp_path, data):
    scene = _vedatile.Scene(data / "olinda/scene.tif")
    spec = dict(bands=scene.spec()["bands"], rows=8, cols=8, dtype=scene.spec()["dtype"],
                image_codec="raw", mask_codec="raw")
    writer = _vedatile.Writer(tmp_path / "new.h5", spec)
    window = scene.random_window(8, 8, 1, 0)
    for made, member, value in [
            (scene, "spec", scene.spec()), (scene, "read", scene.read(window)),
            (scene, "random_window", window), (scene, "grid", scene.grid(64, 64, 0, 0)),
            (writer, "spec", writer.spec()), (writer, "count", writer.count("train")),
            (writer, "append_window", writer.append_window("train", scene, window)),
            (writer, "has", writer.has("nothing"))]:
        check_value(type(made).__name__, member, value)
    writer.close()


# --- the package --------------------------------------------------------------------------------

def public_callables():
    """(name, function) of the modules' functions and of the methods of their classes."""
    for name in ("vedatile", "vedatile.arrays", "vedatile.torch", "vedatile.jax"):
        try:
            module = importlib.import_module(name)
        except ImportError:  # PyTorch and JAX need not be there
            continue
        for item in module.__all__:
            found = getattr(module, item)
            if inspect.isfunction(found):
                yield f"{name}.{item}", found
            elif inspect.isclass(found):
                for member, value in vars(found).items():
                    value = value.fget if isinstance(value, property) else value
                    if inspect.isfunction(value) and (member[0] != "_" or member[:2] == "__"):
                        yield f"{name}.{item}.{member}", value


def missing_annotations(function):
    parameters = list(inspect.signature(function).parameters.values())
    names = [parameter.name for parameter in parameters
             if parameter.annotation is inspect.Parameter.empty and parameter.name != "self"]
    returns = "return" in function.__annotations__ or function.__name__ == "__init__"
    return names if returns else [*names, "return"]


def test_the_package_is_annotated():
    found = {name: missing for name, function in public_callables()
             if (missing := missing_annotations(function))}
    # Methods that NamedTuple makes.
    assert {name: missing for name, missing in found.items() if ".Place." not in name} == {}


def test_a_missing_annotation_is_seen():
    def function(a, b: int, *c: int):
        return a, b, c
    assert missing_annotations(function) == ["a", "return"]


def test_the_package_is_typed():
    assert (PACKAGE / "vedatile/py.typed").exists()
    assert vedatile.Array is _vedatile.Array
