"""The processes of a measurement: contestants, the limit, and what they use."""
import json
import os
import pathlib
import selectors
import signal
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
POLL_SECONDS = 0.05
PATIENCE = 240  # seconds for one answer


class Refused(Exception):
    """A contestant that cannot take part; the text goes into its row."""


def below(root):
    """Process ids of `root` and of all its descendants."""
    children = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = pathlib.Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(name))
    found, todo = [], [root]
    while todo:
        one = todo.pop()
        found.append(one)
        todo += children.get(one, [])
    return found


def memory_of(root):
    """Bytes of a tree of processes, each shared page once; without mapped files, which the page
    cache holds anyway."""
    total = 0
    for one in below(root):
        try:
            lines = pathlib.Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(1024 * int(line.split()[1]) for line in lines
                     if line.startswith(("Pss_Anon:", "Pss_Shmem:")))
    return total


class Watch:
    """Peak memory of a tree of processes while the block runs."""

    def __init__(self, root):
        self.root, self.peak, self.over = root, 0, threading.Event()
        self.thread = threading.Thread(target=self.poll)

    def poll(self):
        while True:
            self.peak = max(self.peak, memory_of(self.root))
            if self.over.wait(POLL_SECONDS):
                return

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


class Process:
    """worker.py with one contestant; started with the first order."""

    def __init__(self, options, name, dataset, folder):
        self.name = name
        folder.parent.mkdir(parents=True, exist_ok=True)
        self.log = folder.with_suffix(".log")
        environment = {**os.environ, "PYTHONPATH": str(options.build / "tools/python"),
                       "PYTHONWARNINGS": "ignore"}
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [options.python, str(HERE / "worker.py"), name, str(dataset), str(folder)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment,
                start_new_session=True)

    def ask(self, what, **order):
        line = json.dumps({"do": what, **order}) + "\n"
        try:
            self.process.stdin.write(line.encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Refused("ended unexpectedly") from None
        answer = self.wait()
        if "ok" not in answer:
            raise Refused(f"not installed: {answer['missing']}" if "missing" in answer
                          else answer["failed"])
        return answer["ok"]

    def wait(self):
        """The answer, one line."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            end, text = time.monotonic() + PATIENCE, b""
            while not text.endswith(b"\n"):
                if not selector.select(max(end - time.monotonic(), 0)):
                    raise Refused(f"no answer in {PATIENCE} s")
                part = os.read(self.process.stdout.fileno(), 1 << 16)
                if not part:
                    raise Refused("ended unexpectedly")
                text += part
        return json.loads(text)

    def watch(self):
        return Watch(self.process.pid)

    def close(self):
        """Ends it with all worker processes it may have left behind: its whole session."""
        try:
            self.process.stdin.close()
            self.process.wait(timeout=10)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.stdout.close()
        self.process.wait()


def call(*command):
    """What a command prints, which must succeed."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


class Limit:
    """limit.c on the chunks of one dataset."""

    def __init__(self, options, facts, mode):
        self.program, self.facts, self.mode = options.tools / "limit", facts, mode
        self.tiles = options.ring_batches * facts["batch_size"]
        name = "legacy" if mode == "deflate" else "store"
        folder = pathlib.Path(facts["folder"])
        self.file, self.chunks = folder / f"{name}.h5", folder / f"{name}.chunks.bin"

    def run(self, threads, seconds, seed, warm=True, mode=None):
        if warm:
            with open(self.file, "rb", buffering=0) as file:
                while file.read(1 << 22):
                    pass
        got = json.loads(call(self.program, "run", mode or self.mode, self.file, self.chunks,
                              self.facts["tile_bytes"], self.tiles, threads, seconds, seed))
        size = got["samples"] * self.facts["tile_bytes"] / 1e9
        return {"samples_per_s": got["samples"] / got["seconds"],
                "gb_per_s": size / got["seconds"], "cpu_s_per_gb": got["cpu"] / size}

    def drop(self, files):
        """Share of the files' pages that stayed in the page cache."""
        pages = resident = 0
        for i in range(0, len(files), 1000):
            got = json.loads(call(self.program, "drop", *files[i:i + 1000]))
            pages, resident = pages + got["pages"], resident + got["resident"]
        return resident / max(pages, 1)
