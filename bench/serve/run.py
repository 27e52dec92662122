"""How many requests a second the catalog's server answers, with how little trouble, beside nginx.

Each workload is driven by wrk for as long as --seconds says, over as many connections as
--connections; nginx with as many workers as there are cores answers with the same bytes from a file
in the same minute, before and after. An answer that is no 200, or a socket that fails, is an error,
and one error fails the run.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parents[1]

NGINX = """
worker_processes auto; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile on; keepalive_requests 1000000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port}; root {folder}/files; default_type application/json; }}
}}
"""

WORKLOADS = {
    "health": ("/health", "answered by the threads of the sockets"),
    "ready": ("/ready", "a worker thread, and a query of the database"),
    "page": ("/", "the page, a worker thread"),
    "entries": ("/v1/entries?limit=10", "a list of entries, nobody's view of it"),
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    build = pathlib.Path(os.environ.get("VEDATILE_BUILD", SOURCE / "build"))
    parser.add_argument("--vedatile", type=pathlib.Path, default=build / "tools/vedatile",
                        help="the command, of a build with --buildtype=release")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--connections", type=int, default=256)
    parser.add_argument("--workloads", default=",".join(WORKLOADS))
    parser.add_argument("--json", type=pathlib.Path, help="file for every figure")
    options = parser.parse_args()
    for tool in ("wrk", "nginx"):
        if shutil.which(tool) is None:
            sys.exit(f"{tool} is not installed")
    return options


def wrk(url, seconds, connections):
    done = subprocess.run(["wrk", "-t2", f"-c{connections}", f"-d{seconds}", "--latency", url],
                          capture_output=True, text=True, check=True).stdout
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", done)
    others = re.search(r"Non-2xx or 3xx responses: (\d+)", done)
    scale = {"us": 1e-3, "ms": 1.0, "s": 1e3}
    late = re.search(r"99%\s+([\d.]+)(us|ms|s)", done)
    return {"requests": float(re.search(r"Requests/sec:\s+([\d.]+)", done).group(1)),
            "total": int(re.search(r"(\d+) requests in", done).group(1)),
            "p99_ms": float(late.group(1)) * scale[late.group(2)],
            "errors": sum(map(int, errors.groups())) if errors else 0,
            "not_200": int(others.group(1)) if others else 0}


def resident(process):
    status = pathlib.Path(f"/proc/{process.pid}/statm").read_text(encoding="ascii")
    return int(status.split()[1]) * os.sysconf("SC_PAGESIZE")


def serve(options, folder):
    limits = ["--connections", 2 * options.connections + 64, "--connections-per-ip",
              2 * options.connections + 64, "--rate", 1e9, "--burst", 1_000_000_000]
    process = subprocess.Popen([str(word) for word in (  # pylint: disable=consider-using-with
        options.vedatile, "serve", "--root", folder / "root", "--listen", "127.0.0.1:0", "--log",
        folder / "log.jsonl", *limits)], stdout=subprocess.PIPE)
    return process, process.stdout.readline().decode().split()[1]


def peer(folder, bodies):
    files = folder / "files"
    files.mkdir()
    for name, body in bodies.items():
        (files / name).write_bytes(body)
    port = 20000 + os.getpid() % 20000
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port), encoding="ascii")
    process = subprocess.Popen(  # pylint: disable=consider-using-with
        ["nginx", "-p", folder, "-c", folder / "nginx.conf"], stderr=subprocess.DEVNULL)
    time.sleep(1)
    if process.poll() is not None:
        sys.exit((folder / "error.log").read_text(encoding="utf-8"))
    return process, f"http://127.0.0.1:{port}"


def measure(options, folder):
    names = options.workloads.split(",")
    server, url = serve(options, folder)
    bodies = {}
    for name in names:
        with urllib.request.urlopen(url + WORKLOADS[name][0]) as answer:
            bodies[name] = answer.read()
    nginx, peer_url = peer(folder, bodies)
    short, rows = max(options.seconds // 6, 1), []
    try:
        for name in names:
            path, what = WORKLOADS[name]
            around = [wrk(f"{peer_url}/{name}", short, options.connections)]
            before = resident(server)
            row = wrk(url + path, options.seconds, options.connections)
            row.update(name=name, path=path, what=what, bytes=len(bodies[name]),
                       resident=resident(server), grown=resident(server) - before)
            around.append(wrk(f"{peer_url}/{name}", short, options.connections))
            row["nginx"] = sum(one["requests"] for one in around) / len(around)
            row["ratio"] = row["requests"] / row["nginx"]
            rows.append(row)
            print(f"{name:8} {row['requests']:9.0f}/s  p99 {row['p99_ms']:7.2f} ms  nginx "
                  f"{row['nginx']:9.0f}/s  ratio {row['ratio']:.2f}  errors {row['errors']}  not 200 "
                  f"{row['not_200']}  resident {row['resident'] / 1e6:.0f} MB", flush=True)
    finally:
        nginx.terminate()
        nginx.wait()
        server.terminate()
        code = server.wait()
    if code != 0:
        sys.exit(f"the server ended with {code}")
    return rows


def main():
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="bench-serve-") as folder:
        os.chmod(folder, 0o755)  # nginx gives up its rights, and reads the files then
        rows = measure(options, pathlib.Path(folder))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2), encoding="utf-8")
    bad = [row["name"] for row in rows if row["errors"] or row["not_200"]]
    if bad:
        sys.exit(f"errors in {', '.join(bad)}")


if __name__ == "__main__":
    main()
