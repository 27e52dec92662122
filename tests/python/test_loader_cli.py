"""The loader through the command and the example program, and what all commands have in common."""
import json
import re
import subprocess

import h5py
import numpy
import pytest
import rasterio
from big import feed, keys, make_labels, make_scene, one_line, refused
from conftest import BUILD, SOURCE, VEDATILE, check_clean
from osgeo import gdal

COMMANDS = ["feed", "info", "check", "show", "stats", "split", "bench"]
SAMPLES, BANDS, SIDE = 21, 2, 32


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """21 samples of uint16 with boxes and masks."""
    folder = tmp_path_factory.mktemp("loader")
    make_scene(folder / "a.tif", 7 * SIDE, 3 * SIDE, bands=BANDS, dtype="uint16")
    make_labels(folder / "a.json", 7 * SIDE, 3 * SIDE, 40)
    feed(folder / "a.h5", "--image", folder / "a.tif", "--labels", folder / "a.json",
         "--class-field", "kind", "--task", "detection,segmentation", "--tile", SIDE, "--match",
         "all", "--codec", "lz4")
    return folder / "a.h5"


# --- bench ---------------------------------------------------------------------------------------


def bench(vedatile, path, *arguments):
    return json.loads(vedatile("bench", path, "--json", *arguments).stdout)


@pytest.mark.parametrize("size", [1, 4, 7, 21, 100])
@pytest.mark.parametrize("threads", [1, 2, 8])
def test_an_epoch_holds_every_sample_once(vedatile, path, size, threads):
    report = bench(vedatile, path, "--epochs", 1, "--batch-size", size, "--threads", threads)
    assert report["samples"] == SAMPLES and report["epochs"] == 1
    assert report["batches"] == -(-SAMPLES // size)
    assert (report["batch_size"], report["threads"]) == (size, threads)


def test_bytes_are_those_of_the_arrays(vedatile, path):
    """Images, masks and boxes as h5py counts them."""
    report = bench(vedatile, path, "--epochs", 1)
    with h5py.File(path, "r") as file:
        group = file["train"]
        images = group["images"].size * 2 + group["labels/mask"].size
        boxes = len(group["labels/boxes"]) * (16 + 2 + 8 + 4)
    assert images + boxes <= report["bytes"] <= images + boxes + 8 * (SAMPLES + 1)


def test_rates_are_what_the_counts_say(vedatile, path):
    report = bench(vedatile, path, "--epochs", 40, "--batch-size", 8)
    assert report["samples"] == 40 * SAMPLES and report["batches"] == 40 * 3
    assert report["seconds"] > 0 and 0 < report["first_batch_s"] < 60
    assert report["samples_per_s"] == pytest.approx(report["samples"] / report["seconds"])
    assert report["batches_per_s"] == pytest.approx(report["batches"] / report["seconds"])
    assert report["gb_per_s"] == pytest.approx(report["bytes"] / report["seconds"] / 1e9)
    limit = report["limit"]
    assert limit["samples_per_s"] > 0 and limit["gb_per_s"] > 0
    assert report["ratio"] == pytest.approx(report["samples_per_s"] / limit["samples_per_s"])
    assert 0 < limit["read_bytes"] <= path.stat().st_size


def test_seconds(vedatile, path):
    report = bench(vedatile, path, "--seconds", 0.2)
    assert 0.2 <= report["seconds"] < 20 and report["samples"] > 0


@pytest.mark.parametrize("arguments, field, value", [
    (("--sequential",), "order", "sequential"), ((), "order", "shuffled"),
    ((), "verify", "never"), (("--verify", "always"), "verify", "always"),
    (("--group", "train"), "group", "train"), (("--seed", 3), "samples", SAMPLES),
    (("--prefetch", 1), "samples", SAMPLES), (("--prefetch", 64), "samples", SAMPLES),
], ids=str)
def test_bench_options(vedatile, path, arguments, field, value):
    assert bench(vedatile, path, "--epochs", 1, *arguments)[field] == value


def test_group_that_is_not_there(path):
    refused(path.parent, ("bench", path, "--group", "tset"), "tset", "train")


def flip_in_last_image(path, copy):
    """A byte of the last image's chunk, where only its checksum can tell."""
    with h5py.File(path, "r") as file:
        chunk = file["train/images"].id.get_chunk_info(SAMPLES - 1)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + chunk.size - 1] ^= 1
    copy.write_bytes(content)


def test_verify_sees_what_check_sees(vedatile, path, tmp_path):
    copy = tmp_path / "b.h5"
    flip_in_last_image(path, copy)
    with h5py.File(path, "r") as file:
        key = file["train/samples"]["key"][-1].decode()
    done = vedatile("check", copy, code=1)
    assert key in done.stdout and "1 problem in 21 samples" in done.stdout and done.stderr == ""
    report = json.loads(vedatile("check", copy, "--json", code=1).stdout)
    assert not report["ok"] and len(report["problems"]) == 1 and report["digest"] is None
    done = vedatile("check", copy, "--digest", code=1)
    assert done.stdout == "" and key in done.stderr
    refused(tmp_path, ("bench", copy, "--epochs", 1, "--verify", "always"), "b.h5")


# --- the example program -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def batches():
    program = BUILD / "tools/examples/batches"
    if not program.exists():
        pytest.skip(f"no {program}")
    return program


def test_example_reads_an_epoch(batches, path):
    done = subprocess.run([batches, path], capture_output=True, text=True, check=True)
    check_clean(done.stderr)
    found = re.findall(rf"^images \[(\d+), {BANDS}, {SIDE}, {SIDE}\] uint16", done.stdout,
                       re.MULTILINE)
    assert [int(count) for count in found] == [8, 8, 5]


@pytest.mark.parametrize("arguments, code, says", [
    ([], 2, "usage: batches STORE [GROUP]"), (["no.h5"], 1, "no.h5"),
    (["{store}", "test"], 1, "test"),
])
def test_example_fails_in_one_line(batches, path, arguments, code, says):
    arguments = [word.format(store=path) for word in arguments]
    done = subprocess.run([batches, *arguments], capture_output=True, text=True, check=False)
    check_clean(done.stderr)
    assert done.returncode == code and done.stdout == ""
    assert says in done.stderr and done.stderr.count("\n") == 1


# --- stats ---------------------------------------------------------------------------------------


def test_stats_are_those_of_the_arrays(vedatile, path):
    report = json.loads(vedatile("stats", path, "--json").stdout)
    with h5py.File(path, "r") as file:
        sizes = file["train/labels/boxes"][...]
        classes = file["train/labels/box_class"][...]
        counts = numpy.diff(file["train/labels/box_offsets"][...].astype(int))
    assert report["samples"] == SAMPLES
    assert [entry["boxes"] for entry in report["classes"]] == numpy.bincount(classes).tolist()
    assert report["boxes"]["per_tile"]["max"] == counts.max()
    assert report["boxes"]["width"]["mean"] == pytest.approx((sizes[:, 2] - sizes[:, 0]).mean())


def test_band_stats_are_those_of_the_scene(vedatile, path):
    report = json.loads(vedatile("stats", path, "--json").stdout)
    with rasterio.open(path.with_name("a.tif")) as scene:
        pixels = scene.read()
    for band, values in zip(report["bands"], pixels):
        assert band["mean"] == pytest.approx(values.mean())
        assert band["std"] == pytest.approx(values.std())
        assert (band["min"], band["max"]) == (values.min(), values.max())


# --- show ----------------------------------------------------------------------------------------


def test_show_writes_a_picture(vedatile, path, tmp_path):
    for name in ("a.png", "b.png"):
        vedatile("show", path, "-o", tmp_path / name, "--count", 6)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    picture = gdal.Open(str(tmp_path / "a.png")).ReadAsArray()
    assert picture.shape[0] >= 3 and len(numpy.unique(picture)) > 50
    assert vedatile("show", path, "-o", tmp_path / "c.png", "--count", 3, "--labels-off").stdout
    assert (tmp_path / "c.png").read_bytes() != (tmp_path / "a.png").read_bytes()


def test_show_picks_samples(vedatile, path, tmp_path):
    key = keys(path)["train"][4]
    done = vedatile("show", path, "-o", tmp_path / "a.png", "--sample", key)
    assert "1 of" in done.stdout
    refused(tmp_path, ("show", path, "-o", tmp_path / "b.png", "--sample", "nosuch"), "nosuch")
    refused(tmp_path, ("show", path, "-o", tmp_path / "b.png", "--class", "boat"), "boat", "car")


# --- all commands --------------------------------------------------------------------------------


def options_of(command):
    """The options as the command's table in C names them."""
    files = [SOURCE / "tools/vedatile" / name for name in (f"cmd_{command}.c", f"{command}_options.c")]
    text = "".join(file.read_text(encoding="utf-8") for file in files if file.exists())
    shared = [name.lower() for name in re.findall(r"^ *OPTION_ROW_([A-Z]+)", text, re.MULTILINE)]
    return re.findall(r'^ *\{\.name = "([a-z-]+)"', text, re.MULTILINE) + shared


@pytest.mark.parametrize("command", COMMANDS)
def test_help_prints_every_option(vedatile, command):
    text = vedatile(command, "--help").stdout
    options = options_of(command)
    assert len(options) > 0
    for option in [*options, "help"]:
        assert re.search(rf"^  (-\w, )?--{option}\b", text, re.MULTILINE), option
    assert text.startswith(f"usage: vedatile {command} STORE")
    assert max(map(len, text.splitlines())) <= 100


def test_help_lists_the_commands(vedatile):
    text = vedatile("--help").stdout
    assert re.findall(r"^  (\w+) ", text, re.MULTILINE)[:len(COMMANDS)] == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_unknown_option(tmp_path, command):
    refused(tmp_path, (command, tmp_path / "a.h5", "--nosuch"), command, "--nosuch", code=2)


@pytest.mark.parametrize("command", COMMANDS)
def test_store_is_missing(tmp_path, command):
    refused(tmp_path, (command,), command, "STORE is missing", code=2)


@pytest.mark.parametrize("command", COMMANDS)
def test_too_many_arguments(tmp_path, command):
    refused(tmp_path, (command, "a.h5", "b.h5"), "unexpected argument 'b.h5'", code=2)


@pytest.mark.parametrize("command", ["feed", "check", "bench"])
def test_threads(tmp_path, command):
    refused(tmp_path, (command, "a.h5", "--threads", "two"), "--threads two", code=2)


@pytest.mark.parametrize("command", ["info", "check", "stats", "bench"])
def test_json_is_one_object(vedatile, path, command):
    more = ("--epochs", 1) if command == "bench" else ()
    assert isinstance(json.loads(vedatile(command, path, "--json", *more).stdout), dict)


@pytest.mark.parametrize("name", ['q"é', "two\nlines", "\x1b[31mred"], ids=ascii)
def test_names_are_escaped_in_json_and_in_lines(tmp_path, vedatile, name):
    make_scene(tmp_path / "a.tif", 32, 32)
    report = json.loads(vedatile("feed", name, "--image", "a.tif", "--tile", 32, "--json",
                                 cwd=tmp_path).stdout)
    assert report["store"] == name
    done = vedatile("info", name + "x", code=1, cwd=tmp_path)
    one_line(done.stderr, "No such file")
    assert "\x1b" not in done.stderr
    done = vedatile("feed", name, "--image", "a.tif", cwd=tmp_path)
    assert "\x1b" not in done.stdout and done.stdout.count("\n") == 3


def test_names_that_are_no_utf8(tmp_path, vedatile):
    make_scene(tmp_path / "a.tif", 32, 32)
    (tmp_path / "a.tif").rename(tmp_path / "s\udcff.tif")
    vedatile("feed", "t\udcff.h5", "--image", "s\udcff.tif", "--tile", 32, "--name", "t",
             cwd=tmp_path, errors="surrogateescape")
    info = json.loads(vedatile("info", "t\udcff.h5", "--json", cwd=tmp_path).stdout)
    assert info["scenes"][0]["uri"].startswith("s") and info["groups"]["train"]["count"] == 1
    vedatile("check", "t\udcff.h5", cwd=tmp_path, errors="surrogateescape")


def test_progress_lines(tmp_path, vedatile):
    make_scene(tmp_path / "a.tif", 512, 512)
    done = vedatile("feed", tmp_path / "a.h5", "--image", tmp_path / "a.tif", "--tile", 16,
                    "--progress", "json")
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert lines and {line["event"] for line in lines} == {"progress"}
    assert [line["done"] for line in lines] == sorted(line["done"] for line in lines)
    assert lines[-1]["done"] == lines[-1]["total"] == 1024 and lines[-1]["eta_s"] == 0
    assert vedatile("check", tmp_path / "a.h5").stderr == ""  # no terminal, no bar


def test_output_that_cannot_be_written(path):
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([VEDATILE, "info", path], stdout=full,
                              stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    one_line(done.stderr, "standard output")
