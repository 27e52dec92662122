"""How fast a store is saved and pulled, beside curl and nginx, which move the same bytes and check
nothing: each round runs all of them one after the other, and medians are printed.

Everything lies in one folder of memory (--work), so that no disk shows.
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
NGINX = """
{user}worker_processes auto; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; sendfile on; tcp_nopush on; client_max_body_size 0; client_body_buffer_size 512k;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port}; root {folder}/files; dav_methods PUT; }}
}}
"""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    build = pathlib.Path(os.environ.get("VEDATILE_BUILD", SOURCE / "build"))
    parser.add_argument("--vedatile", type=pathlib.Path, default=build / "tools/vedatile",
                        help="the command, of a build with --buildtype=release")
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("/dev/shm"))
    parser.add_argument("--shared", type=pathlib.Path, default=SOURCE.parent / "shared/data")
    parser.add_argument("--megabytes", type=int, nargs="+", default=[300, 1000])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=pathlib.Path, help="file for every figure")
    options = parser.parse_args()
    for tool in ("curl", "nginx"):
        if shutil.which(tool) is None:
            sys.exit(f"{tool} is not installed")
    return options


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextlib.contextmanager
def nginx(folder):
    """Its address; files are under folder/files."""
    (folder / "files").mkdir(parents=True)
    port = free_port()
    (folder / "nginx.conf").write_text(NGINX.format(
        folder=folder, port=port, user="user root; " if os.geteuid() == 0 else ""))
    with subprocess.Popen(["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder)],
                          stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(200):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.02)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


@contextlib.contextmanager
def server(vedatile, root):
    """(address, token) of a catalog with one user."""
    printed = subprocess.run([vedatile, "serve", "--root", root, "--add-user", "ana", "--scopes",
                              "read,write,publish"], check=True, capture_output=True, text=True)
    token = re.search(r"vt_\w+", printed.stdout).group()
    with subprocess.Popen([vedatile, "serve", "--root", root, "--listen", "127.0.0.1:0",
                           "--log", f"{root}.log"],
                          stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().split()[1], token
        finally:
            process.terminate()
            process.wait()


def timed(*words, env=None):
    started = time.perf_counter()
    done = subprocess.run([str(word) for word in words], check=False, capture_output=True, text=True,
                          env=env)
    seconds = time.perf_counter() - started
    if done.returncode != 0:
        sys.exit(f"{words}: {done.stderr}")
    return seconds, done


def make_store(options, folder, megabytes):
    """A store of real pixels with labels, uncompressed, of about so many MB; and what adds to it."""
    scene = folder / "scene"
    if not scene.exists():
        timed("/usr/bin/python3", options.shared / "make_big_scene.py", scene, "--size", 8192,
              "--polygons", 20000)
    store = folder / f"{megabytes}.h5"
    feed = [options.vedatile, "feed", store, "--image", scene / "big_scene.tif", "--labels",
            scene / "big_scene_labels.geojson", "--task", "detection,segmentation", "--tile", "256",
            "--codec", "raw", "--windows", "random", "--progress", "none"]
    count = megabytes * 1000000 // (256 * 256 * 3)
    timed(*feed, "--count", count, "--seed", 1)
    return store, feed, count


def measure(options, folder, store):
    """Seconds of one round, by name."""
    names = {}
    with nginx(folder / "nginx") as address:
        names["curl PUT"] = timed("curl", "-sf", "-T", store, address + "/store.h5")[0]
        names["curl GET"] = timed("curl", "-sf", "-o", folder / "out.bin", address + "/store.h5")[0]
        (folder / "out.bin").unlink()
        with server(options.vedatile, folder / "root") as (url, token):
            env = {**os.environ, "VEDATILE_URL": url, "VEDATILE_TOKEN": token,
                   "HOME": str(folder)}
            names["save"] = timed(options.vedatile, "save", store, "--progress", "none", env=env)[0]
            entry = json.loads(pathlib.Path(f"{store}.catalog").read_text())["entry"]
            names["pull"] = timed(options.vedatile, "pull", entry, "-o", folder / "out.h5",
                                  "--progress", "none", env=env)[0]
            mirror = folder / "nginx/files/mirror"
            timed(options.vedatile, "release", entry, "--mirror", mirror, env=env)
            (folder / "out.h5").unlink()
            names["pull from nginx"] = timed(options.vedatile, "pull", address + "/mirror/", "-o",
                                             folder / "out.h5", "--force", env=env)[0]
    same = subprocess.run(["cmp", store, folder / "out.h5"], check=False).returncode == 0
    assert same, "what was pulled is not what was saved"
    for name in ("root", "nginx"):
        shutil.rmtree(folder / name)
    for path in (*folder.glob("out.*"), *folder.glob("*.catalog"), *folder.glob("root.log")):
        path.unlink(missing_ok=True)
    return names


def delta(options, folder, store, feed, count):
    """Bytes that are sent for one sample more in a hundred, and what share that is."""
    with server(options.vedatile, folder / "root") as (url, token):
        env = {**os.environ, "VEDATILE_URL": url, "VEDATILE_TOKEN": token, "HOME": str(folder)}
        timed(options.vedatile, "save", store, env=env)
        before = store.stat().st_size
        timed(*feed, "--count", max(1, count // 100), "--seed", 2)
        done = timed(options.vedatile, "save", store, "--progress", "json", env=env)[1]
        sent = [json.loads(line) for line in done.stderr.splitlines() if '"send"' in line][-1]
    shutil.rmtree(folder / "root")
    return {"bytes": before, "grown": store.stat().st_size - before, "sent": sent["total"],
            "percent": 100 * sent["total"] / before}


def main():
    options = arguments()
    figures = {}
    with tempfile.TemporaryDirectory(prefix="vedatile-sync-", dir=options.work) as name:
        folder = pathlib.Path(name)
        for megabytes in options.megabytes:
            store, feed, count = make_store(options, folder, megabytes)
            rounds = []
            for _ in range(options.repeats):
                rounds.append(measure(options, folder, store))
                print("  ".join(f"{key} {seconds:.3f} s" for key, seconds in rounds[-1].items()),
                      flush=True)
            size = store.stat().st_size
            medians = {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
            ratios = {"save": "curl PUT", "pull": "curl GET", "pull from nginx": "curl GET"}
            print(f"\n{size / 1e6:.0f} MB, {len(rounds)} rounds")
            for key, seconds in medians.items():
                beside = ratios.get(key)
                ratio = "" if beside is None else "  {:.0f} % of {}".format(
                    100 * statistics.median(one[beside] / one[key] for one in rounds), beside)
                print(f"  {key:16} {seconds:7.3f} s  {size / 1e6 / seconds:7.0f} MB/s{ratio}")
            grown = delta(options, folder, store, feed, count)
            print(f"  1 % more samples: {grown['sent'] / 1e6:.2f} MB sent,"
                  f" {grown['percent']:.2f} % of the store (it grew by"
                  f" {100 * grown['grown'] / grown['bytes']:.2f} %)", flush=True)
            figures[megabytes] = {"size": size, "rounds": rounds, "delta": grown}
            for path in folder.glob(f"{megabytes}.h5*"):
                path.unlink()
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
