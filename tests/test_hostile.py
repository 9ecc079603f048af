"""Files that somebody made to break the doctor, and files that broke on their way."""

import contextlib
import io
import json
import random
import signal
import stat
import struct
import sys
import zipfile

import h5py
import keras
import numpy as np
import pytest
from click.testing import CliRunner
from reports import healthy

from constrainit.cli import cli, main
from constrainit.doctor import _archive, _diagnose, _fault_file

pytestmark = pytest.mark.in_turns(every=4)

# Files, command lines and texts are the same for every backend.

BACKEND = keras.backend.backend()
LIMIT = 20
"""Seconds for one file, on a machine that does other things as well."""

MUTANTS = 70 if BACKEND == "torch" else 12
"""Of each of the five kinds."""


@contextlib.contextmanager
def hurried(seconds=LIMIT):
    def stop(*_):
        raise TimeoutError("hangs")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def refused(*arguments, codes=(2,), lines=1):
    """What the doctor says; its exit status is in `codes` and there is no traceback."""
    with hurried():
        result = CliRunner().invoke(cli, ["doctor", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    assert result.exit_code in codes, result.output
    assert "Traceback" not in result.output
    if result.exit_code == 2:
        said = result.stderr.strip()
        assert said.startswith("constrainit: "), said
        assert len(said.splitlines()) <= lines, said
        assert len(said) < 700 * lines, said
        assert all(map(str.isprintable, said.splitlines())), said
    return result.stderr


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """The members of a small saved model, by name."""
    path = tmp_path_factory.mktemp("hostile") / "model.keras"
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(3, kernel_constraint="non_neg", kernel_initializer="ones"),
            keras.layers.Dense(1),
        ]
    )
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((2, 4), "float32"), np.ones((2, 1), "float32"))
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder to be in; nothing but the files that a test wrote may be in it afterwards."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def loading_only(monkeypatch):
    """Hundreds of files are loaded: what is loaded is not diagnosed as well."""
    monkeypatch.setattr(_diagnose, "examine", lambda *_, **__: healthy())


def packed(path, parts, how=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def configured(path, parts, change):
    config = json.loads(parts["config.json"])
    changed = change(config)
    text = changed if isinstance(changed, str) else json.dumps(config)
    return packed(path, {**parts, "config.json": text})


def layer(config, number):
    return config["config"]["layers"][number]


# The archive


def member(name, mode=0, content=b"x"):
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info, content


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (member("../up.py"), "leads out of its folder"),
        (member("assets/../../up.py"), "leads out of its folder"),
        (member("/etc/up"), "leads out of its folder"),
        (member("C:/up"), "leads out of its folder"),
        (member("assets\\..\\up"), "leads out of its folder"),
        (member("assets/link", stat.S_IFLNK | 0o777, b"/etc/passwd"), "a link or a device"),
        (member("assets/\x1b[31m"), "leads out of its folder"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_that_are_refused(folder, parts, extra, words):
    """Names that lead out, links, and names that steer a terminal."""
    packed(folder / "bad.keras", parts)
    with zipfile.ZipFile(folder / "bad.keras", "a") as archive:
        archive.writestr(*extra)
    assert words in refused("bad.keras")
    assert [path.name for path in folder.iterdir()] == ["bad.keras"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_doubled_member(folder, parts):
    """Of two members with one name, one would be looked at and the other loaded."""
    packed(folder / "bad.keras", parts)
    with zipfile.ZipFile(folder / "bad.keras", "a") as archive:
        archive.writestr("config.json", "{}")
    assert "two members 'config.json'" in refused("bad.keras")


def test_encrypted_and_unknown_packing(folder, parts):
    """A flag or a method that Keras can not read."""
    whole = packed(folder / "bad.keras", parts).read_bytes()
    at = whole.index(b"PK\x01\x02")
    for offset, value, words in ((8, 1, "is encrypted"), (10, 99, "packed in a way")):
        bent = bytearray(whole)
        struct.pack_into("<H", bent, at + offset, value)
        (folder / "bad.keras").write_bytes(bent)
        assert words in refused("bad.keras")


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
def test_missing_part(folder, parts, name):
    """An archive without a config, or without weights."""
    packed(folder / "bad.keras", {n: c for n, c in parts.items() if n != name})
    assert f"has no {name}" in refused("bad.keras")


def test_bomb(folder, parts, monkeypatch):
    """Members that are packed too well, and archives that are too large, are not unpacked."""
    bomb = {**parts, "assets/big": bytes(2**26 + 1)}
    packed(folder / "bad.keras", bomb, zipfile.ZIP_DEFLATED)
    assert "is packed 100 to one or more" in refused("bad.keras")
    packed(folder / "large.keras", {**parts, "assets/big": random.Random(0).randbytes(2**20)})
    assert "(--max-size)" in refused("large.keras", "--max-size", 1)
    monkeypatch.setattr(_archive, "MEMBERS", 20)
    packed(folder / "many.keras", parts | {f"assets/{i}": "" for i in range(20)})
    assert "members, more than" in refused("many.keras")


def test_members_that_overlap(folder, parts):
    """The same bytes given out twice: the way of the bombs that do not nest."""
    whole = bytearray(packed(folder / "bad.keras", parts).read_bytes())
    first = whole.index(b"PK\x01\x02")
    second = whole.index(b"PK\x01\x02", first + 4)
    whole[second + 42 : second + 46] = whole[first + 42 : first + 46]
    (folder / "bad.keras").write_bytes(whole)
    assert "overlap" in refused("bad.keras")


# The config


def huge_units(config):
    layer(config, 1)["config"]["units"] = 10**9


def activation():
    layer = keras.layers.Activation("relu", name="relu")
    return keras.saving.serialize_keras_object(layer)


def huge_input(config):
    config["config"]["layers"][1:] = [activation()]
    layer(config, 0)["config"]["batch_shape"] = [None, 2**40]
    config["compile_config"] = config["build_config"] = None


def system(config):
    layer(config, 1).update(module="os", class_name="system", registered_name="system")


def inner_system(config):
    layer(config, 1)["config"]["kernel_initializer"] = {
        "module": "os", "class_name": "system", "config": {"command": "touch trap"},
        "registered_name": None,
    }  # fmt: skip


def many_reasons(config):
    """What Keras would say of a class that it does not find, again and again."""
    inner_system(config)
    reason = "Could not interpret x identifier: {'class_name': 'a'"
    layer(config, 1)["config"]["kernel_initializer"]["config"] = {"command": reason * 100_000}


def function(config):
    layer(config, 1)["config"]["activation"] = {
        "module": "builtins", "class_name": "function", "config": "eval",
        "registered_name": "eval",
    }  # fmt: skip


def other_model(config):
    layer(config, 1).update(
        module="keras.layers", class_name="TFSMLayer", config={"filepath": "gone"},
        registered_name=None,
    )  # fmt: skip


def no_model(config):
    config.clear()
    config.update(activation())


def escape(config):
    layer(config, 1).update(class_name="\x1b[31mNo\nLayer", registered_name="No")


CONFIGS = {
    "huge_units": (huge_units, "asks for a weight of the shape (4, 1000000000)"),
    "huge_input": (huge_input, "whose output of the shape (None, 1099511627776) would take"),
    "system": (system, "'system'"),
    "inner_system": (inner_system, "can not be loaded"),
    "many_reasons": (many_reasons, "can not be loaded"),
    "function": (function, "eval"),
    "other_model": (other_model, "a SavedModel of another path"),
    "no_model": (no_model, "holds an Activation, which is no model"),
    "escape": (escape, "can not be loaded"),
    "nested": (lambda _: "[" * 50_000 + "]" * 50_000, "nested more than"),
    "deep": (lambda _: '{"class_name":"a","config":' + "[" * 200 + "]" * 200 + "}", "nested more"),
    "many": (lambda _: json.dumps({"class_name": "", "config": [{}] * 30_000}), "more than 20000"),
    "long": (lambda _: " " * (2**24 + 1), "has a config.json of 16 MiB"),
    "list": (lambda _: "[]", "describes no model"),
    "text": (lambda _: "no json", "is no JSON"),
    "number": (lambda _: "1" * 10_000, "is no JSON"),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_config_that_is_refused(folder, parts, case, monkeypatch):
    """What asks for too much memory, for code, or is no model, is refused before it is made."""
    change, words = CONFIGS[case]
    configured(folder / "bad.keras", parts, change)
    monkeypatch.setattr("os.system", lambda *_: pytest.fail("code of the file was run"))
    said = refused("bad.keras")
    assert words in said or (case == "escape" and "needs the custom object" in said)
    assert [path.name for path in folder.iterdir()] == ["bad.keras"]


def test_a_model_of_honest_size_is_loaded(folder, parts, loading_only):
    """The guard lets through what Keras itself has written."""
    refused(packed(folder / "good.keras", parts), codes=(0,))
    refused(packed(folder / "packed.keras", parts, zipfile.ZIP_DEFLATED), codes=(0,))


# The weights


def rewritten(parts, change):
    held = io.BytesIO(parts["model.weights.h5"])
    with h5py.File(held, "r+") as file:
        change(file)
    return {**parts, "model.weights.h5": held.getvalue()}


def claims(file):
    file.create_dataset("huge", shape=(2**20, 2**20), chunks=(2**10, 2**10), dtype="float32")


def linked(file):
    file["elsewhere"] = h5py.ExternalLink("/etc/hostname", "/")


def soft(file):
    file["elsewhere"] = h5py.SoftLink("/layers")


def external(file):
    file.create_dataset("kept", (4,), "uint8", external=[("/etc/hostname", 0, 4)])


def words_for_numbers(file):
    file.create_dataset(
        "text", data=np.array([b"a", b"b"], dtype=object), dtype=h5py.string_dtype()
    )


WEIGHTS = {
    claims: "has weights that claim 4.1e+03 GiB",
    linked: "a link to another place",
    soft: "a link to another place",
    external: "kept in another file",
    words_for_numbers: "are no numbers",
}


@pytest.mark.parametrize("change", WEIGHTS, ids=lambda change: change.__name__)
def test_weights_that_are_refused(folder, parts, change):
    """Sizes that are not stored, links, and other files are found in the weights."""
    packed(folder / "bad.keras", rewritten(parts, change))
    assert WEIGHTS[change] in refused("bad.keras")


def test_weights_that_are_not_a_number_are_a_finding(folder, parts):
    """NaN in the weights is an illness, not a hostile file."""

    def spoil(file):
        def nan(_, item):
            if isinstance(item, h5py.Dataset) and item.shape == (4, 3):
                item[...] = np.nan

        file.visititems(nan)

    packed(folder / "nan.keras", rewritten(parts, spoil))
    refused("nan.keras", codes=(1,))


# The batch


def saved(path, **arrays):
    np.savez(path, **arrays)
    return path


def header(shape, dtype="<f4"):
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        out, {"shape": shape, "fortran_order": False, "descr": dtype}
    )
    return out.getvalue()


@pytest.mark.parametrize(
    ("member", "words"),
    [
        (header((2**40, 4)), "claims the shape"),
        (header((2, 4), "|O") + bytes(64), "holds Python objects"),
        (header((2,), "<U4") + bytes(32), "holds the dtype <U4"),
        (header((2, 4), "<c8") + bytes(64), "holds the dtype complex64"),
        (header((2, 4)) + bytes(8), "claims the shape"),
        (b"\x93NUMPY\x01\x00\x10\x00" + b"{" * 16, "is no array"),
        (b"", "is no array"),
    ],
)
def test_batch_that_is_refused(folder, parts, member, words):
    """Shapes that are not stored, pickles and words are found in the headers of the arrays."""
    packed(folder / "model.keras", parts)
    packed(folder / "bad.npz", {"x.npy": member})
    assert words in refused("model.keras", "--data", "bad.npz")


# The file of a step that went wrong


@pytest.fixture(scope="module")
def step(parts, tmp_path_factory):
    """The arrays of a file of `StopAtFault`, and what it says of itself."""
    folder = tmp_path_factory.mktemp("fault")
    model = keras.saving.load_model(packed(folder / "model.keras", parts))
    batch = [np.ones(shape, "float32") for shape in ((2, 4), (2, 1), (2,))]
    _fault_file.write(folder / "step.npz", {"step": 1, "text": "1"}, tuple(batch), model)
    with np.load(folder / "step.npz") as stored:
        arrays = dict(stored)
    return arrays, json.loads(arrays.pop("fault").tobytes())


def kept(path, arrays, told):
    text = json.dumps(told).encode()
    return saved(path, **arrays, fault=np.frombuffer(text, "uint8"))


def test_steps_that_are_refused(folder, parts, step):
    """Bombs, pickles, names that lead out, sizes and batches that can not be."""
    packed(folder / "model.keras", parts)
    arrays, told = step
    whole = kept(folder / "bad.npz", arrays, told).read_bytes()

    def said():
        return refused("model.keras", "--replay", "bad.npz")

    with zipfile.ZipFile(folder / "bad.npz", "a") as archive:
        archive.writestr("../up.npy", b"x")
    assert "leads out of its folder" in said()
    np.savez_compressed(folder / "bad.npz", fault=np.zeros(2**26, "uint8"))
    assert "is packed 100 to one or more" in said()
    packed(folder / "bad.npz", {"fault.npy": header((2**40,), "|u1")})
    assert "claims the shape" in said()
    packed(folder / "bad.npz", {"fault.npy": header((2,), "|O") + bytes(64)})
    assert "holds Python objects" in said()
    (folder / "bad.npz").write_bytes(whole[:-100])
    assert "is damaged" in said()
    kept(folder / "bad.npz", arrays, {**told, "version": float("inf")})
    assert "can not be read" in said()
    kept(folder / "bad.npz", arrays, {**told, "data": {"of": "list", "parts": []}})
    assert "holds no batch" in said()
    kept(folder / "bad.npz", {**arrays, "data/0": np.ones((2, 5), "float32")}, told)
    assert "bad.npz has the shape (2, 5), but the model takes ('batch', 4)" in said()
    kept(folder / "bad.npz", {**arrays, "model/0": np.ones((4, 9), "float32")}, told)
    assert "is of another model" in said()


# The user's own program

MODEL = "import keras, sys\nimport numpy as np\n"
GIVES = "def make():\n    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(1{})])\n"
SOUND = MODEL + GIVES.format("")
ENDS = MODEL + "def ends(w):\n    sys.exit(0)\n" + GIVES.format(", kernel_constraint=ends")

PROGRAMS = {
    "import sys\nsys.exit(3)": "failed: SystemExit: 3",
    "import no_such_module": "failed: ModuleNotFoundError",
    "def make(:": "failed: SyntaxError",
    "x = '\0'": "failed: SyntaxError",
    "def f():\n    f()\nf()": "failed: RecursionError",
    "class Own(BaseException):\n    pass\nraise Own('no')": "failed: Own: no",
    "import sys\ndel sys.modules[__name__]\n1 / 0": "failed: ZeroDivisionError",
    "def __getattr__(name):\n    raise OSError('\x1b[2J lazy')": "'make' failed: OSError: ",
    "def make(size):\n    pass": "missing 1 required positional argument: 'size'",
    "def make():\n    raise GeneratorExit": "'make' failed: GeneratorExit",
    "def make():\n    pass": "'make' must return a keras.Model. It returned: None.",
    "def make():\n    return 'a\\n' * 10000": "'make' must return a keras.Model. It returned: 'a",
    "class Own:\n    def __repr__(self):\n        1 / 0\nmake = Own": "It returned: <Own instance",
    "class Own(Exception):\n    def __str__(self):\n        1 / 0\ndef make():\n    raise Own":
        "'make' failed: Own: no message",
    "import keras\nclass make(keras.Model):\n    def __init__(self):\n        pass":
        "'make' returned a model that is not initialised. Write super().__init__()",
    "".join(f"def a{i}(): pass\n" for i in range(2000)): "a8, a9 and 1990 more",
    ENDS: "Diagnosing the model failed: SystemExit: 0",
    SOUND + "make_batch = 3": "'make_batch' failed: TypeError",
    SOUND + "def make_batch():\n    raise SystemExit": "'make_batch' failed: SystemExit",
    SOUND + "def make_batch():\n    return 'x'": "'make_batch' must return (x, y), or (x, None)",
    SOUND + "def make_batch():\n    return np.ones((2, 4)), [[1.0], [2.0]]":
        "`y` of `diagnose` must be an array",
    SOUND + "def make_batch():\n    return np.ones((0, 4)), np.ones((0, 1))": "at least one sample",
    SOUND + "def make_batch():\n    return np.ones((2, 4)), np.ones((0, 1))":
        "must hold as many examples each. Received: x=2, y=0.",
    SOUND + "def make_batch():\n    return np.broadcast_to(np.ones(4), (2**50, 4)), None":
        "The memory does not suffice",
}  # fmt: skip


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_programs_that_can_not_be_used(folder, number, monkeypatch):
    """Whatever a program does instead of giving a model: a sentence and the program's own lines."""
    if BACKEND != "torch" and "2**50" in list(PROGRAMS)[number]:
        pytest.skip("what another backend does with such an array is its own affair")
    text, words = list(PROGRAMS.items())[number]
    monkeypatch.setattr("sys.path", list(sys.path))
    (folder / "hostile.py").write_text(text)
    assert words in refused("hostile.py:make", "--steps", 1, lines=21)
    sys.modules.pop("hostile", None)


@pytest.fixture
def _heeding_interruptions():
    """A process in the background of a shell inherits that SIGINT is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_heeding_interruptions")
@pytest.mark.parametrize("where", ["model", "constraint", "batch"])
def test_a_program_that_hangs_is_left_by_an_interruption(folder, where, monkeypatch, capsys):
    """Ctrl-C in the user's own endless loop: one line, status 2, nothing left behind."""
    loop = "    import signal\n    while True:\n        signal.raise_signal(signal.SIGINT)\n"
    program = {
        "model": "def make():\n" + loop,
        "constraint": MODEL + "def hangs(w):\n" + loop + GIVES.format(", kernel_constraint=hangs"),
        "batch": SOUND + "def make_batch():\n" + loop,
    }[where]
    (folder / "hostile.py").write_text(program)
    monkeypatch.setattr("sys.path", list(sys.path))
    monkeypatch.setattr(
        "sys.argv", ["constrainit", "doctor", "hostile.py:make", "--fix", "m.keras"]
    )
    with hurried(), pytest.raises(SystemExit) as ended:
        main()
    sys.modules.pop("hostile", None)
    assert ended.value.code == 2
    assert capsys.readouterr() == ("", "\nconstrainit: interrupted\n")
    assert {path.name for path in folder.iterdir()} <= {"hostile.py", "__pycache__"}


def test_a_constraint_that_ends_the_program_is_not_inside(folder, monkeypatch):
    """`check` does not take the status of the user's `sys.exit(0)` for its own."""
    monkeypatch.setattr("sys.path", list(sys.path))
    (folder / "hostile.py").write_text(ENDS)
    result = CliRunner().invoke(cli, ["check", "hostile.py:make"])
    sys.modules.pop("hostile", None)
    assert result.exit_code == 2
    assert "Checking the model failed: SystemExit: 0" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a" * 300 + ".py:make"], "There is no file"),
        (["..:make"], "failed: TypeError"),
        (["\0.py:make"], "There is no file"),
        (["m.py:make", "--output", "\0"], "There is no folder"),
        (["m.py:make", "--fix", "\0.keras"], "in a folder that exists"),
        (["m.py:make", "--input-shape", "\u00b2"], "must be positive integers"),
        (["m.py:make", "--input-shape", "9" * 400], "must be positive integers"),
        (["m.py:make", "--input-shape", "9" * 18], "asks for a batch of 1.19e+11 GiB, more than"),
        (["m.py:make", "--select", "\x1b[2J"], "There is no finding"),
    ],
)
def test_options_that_can_not_be(folder, arguments, words):
    """Names and numbers that the system or Python itself refuses."""
    assert words in refused(*arguments)


# The configuration

CONFIGURATIONS = {
    "tool = 3": None,
    "[[tool]]": None,
    "[tool]\nconstrainit = 3": "must be a table",
    "[tool.constrainit]\nfail-on = []": "must be one of",
    "[tool.constrainit]\nignore = [[]]": "must be a list of codes",
    f"[tool.constrainit]\nignore = {['CW1'] * 1000 + [1]}": "must be a list of codes",
    "[tool.constrainit]\nthresholds.CW101 = nan": "must hold numbers by code",
    "[tool.constrainit]\nthresholds.CW101.a = true": "must hold numbers by code",
    f"[tool.constrainit]\n{'k' * 1000} = 1": "has no key",
    '[tool.constrainit]\n"\\u001b[2J\\n" = 1': "has no key",
    "x = " + "[" * 5000: "can not be read",
    "x = " + "1" * 5000: "can not be read",
    "#" * (2**20 + 1): "can not be read: it has more than",
    "x = 1\nx = 2": "can not be read",
    "\0": "can not be read",
}


@pytest.mark.parametrize("number", range(len(CONFIGURATIONS)))
def test_configurations(folder, parts, loading_only, number):
    """Tables of other types, of other keys, of no TOML, and far too large ones."""
    packed(folder / "model.keras", parts)
    text, words = list(CONFIGURATIONS.items())[number]
    (folder / "pyproject.toml").write_text(text)
    said = refused("model.keras", codes=(2 if words else 0,))
    assert (words or "") in said


def test_a_configuration_in_another_encoding(folder, parts):
    """TOML is UTF-8."""
    packed(folder / "model.keras", parts)
    (folder / "pyproject.toml").write_bytes(b"\xff\xfe[tool]")
    assert "can not be read" in refused("model.keras")


# Chance


def bent(content, chance):
    content = bytearray(content)
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(content))
        how = chance.randrange(4)
        if how == 0:
            content[at] = chance.randrange(256)
        elif how == 1:
            del content[at : at + chance.randint(1, 40)]
        elif how == 2:
            content[at:at] = chance.randbytes(chance.randint(1, 40))
        else:
            content[at : at + 4] = b"\xff" * 4
        if not content:
            content = bytearray(b"P")
    return bytes(content)


ODD = [
    None, True, -1, 0, 1e308, 10**12, 2**70, "", "nan", "\x1b[2J", "<script>", [], {}, [None] * 3,
    {"class_name": "Dense", "config": {}}, {"module": "os", "class_name": "system", "config": {}},
]  # fmt: skip


def places(node):
    inside = node.items() if isinstance(node, dict) else enumerate(node)
    for key, child in list(inside):
        yield node, key
        if isinstance(child, (dict, list)):
            yield from places(child)


def bent_config(parts, chance):
    config = json.loads(parts["config.json"])
    for _ in range(chance.randint(1, 3)):
        node, key = chance.choice(list(places(config)))
        if chance.random() < 0.2:
            del node[key]
        else:
            node[key] = chance.choice(ODD)
    return {**parts, "config.json": json.dumps(config)}


@pytest.mark.filterwarnings("ignore")
def test_bytes_bent_by_chance(folder, parts, loading_only):
    """A saved model with a few bytes changed is loaded or refused, in a sentence."""
    whole = packed(folder / "bad.keras", parts).read_bytes()
    for seed in range(MUTANTS):
        chance = random.Random(seed)
        if seed % 2:
            weights = bent(parts["model.weights.h5"], chance)
            packed(folder / "bad.keras", {**parts, "model.weights.h5": weights})
        else:
            (folder / "bad.keras").write_bytes(bent(whole, chance))
        refused("bad.keras", codes=(0, 2))
    assert [path.name for path in folder.iterdir()] == ["bad.keras"]


@pytest.mark.filterwarnings("ignore")
def test_configs_bent_by_chance(folder, parts, loading_only):
    """A saved model with a few values changed is loaded or refused, in a sentence."""
    for seed in range(MUTANTS):
        packed(folder / "bad.keras", bent_config(parts, random.Random(seed)))
        refused("bad.keras", codes=(0, 2))


@pytest.mark.filterwarnings("ignore")
def test_steps_bent_by_chance(folder, parts, step, loading_only):
    """A file of `StopAtFault` with other bytes, another description, or another array."""
    packed(folder / "model.keras", parts)
    for seed in range(MUTANTS):
        chance = random.Random(seed)
        arrays, told = step[0], json.loads(json.dumps(step[1]))
        name = chance.choice(list(arrays))
        if seed % 3 == 1:
            node, key = chance.choice(list(places(told)))
            node[key] = chance.choice([*ODD, float("inf"), "data/0", "float8_e5m2", "ndarray"])
        elif seed % 3 == 2:
            dtype = chance.choice(["float16", "float64", "int8", "bool", "uint16", "uint64"])
            shape = chance.choice([arrays[name].shape, (), (0,), (2, 5), (2, 4, 1)])
            arrays = {**arrays, name: np.ones(shape, dtype)}
            for entry in (*told["data"]["parts"], *told["model"], *told["optimizer"]):
                if entry["name"] == name:
                    entry["dtype"] = chance.choice([dtype, "bfloat16", "float8_e5m2"])
        path = kept(folder / "step.npz", arrays, told)
        if seed % 3 == 0:
            path.write_bytes(bent(path.read_bytes(), chance))
        refused("model.keras", "--replay", "step.npz", codes=(0, 2))


@pytest.mark.filterwarnings("ignore")
def test_configurations_bent_by_chance(folder, parts, loading_only):
    """A pyproject.toml with a few bytes changed."""
    packed(folder / "model.keras", parts)
    text = '[tool.constrainit]\nignore = ["CW1"]\nfail-on = "never"\nthresholds.CW103.size = 1\n'
    for seed in range(MUTANTS):
        (folder / "pyproject.toml").write_bytes(bent(text.encode(), random.Random(seed)))
        refused("model.keras", codes=(0, 2))


@pytest.mark.filterwarnings("ignore")
def test_batches_bent_by_chance(folder, parts, loading_only):
    """Arrays with a few bytes changed, or of another dtype and shape."""
    packed(folder / "model.keras", parts)
    for seed in range(MUTANTS):
        chance = random.Random(seed)
        dtype = chance.choice(["float16", "float64", "int8", "bool", "U3", "complex64", "M8[s]"])
        shape = chance.choice([(2, 4), (0, 4), (), (4,), (2, 5), (2, 4, 1)])
        path = saved(folder / "x.npz", x=np.zeros(shape, dtype), y=np.zeros((2, 1)))
        if seed % 2:
            path.write_bytes(bent(path.read_bytes(), chance))
        refused("model.keras", "--data", "x.npz", codes=(0, 2))
