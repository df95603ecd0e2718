"""The controls of the benchmark, inside the image's root but without any isolation.

Reads one JSON request a line, answers one JSON line: {"seconds", "status", "pictures"}.

  plain  `python main.py` in a fresh process: what people do today
  fork   the driver's own code in a child of a warm zygote, but a bare os.fork and nothing else
  bare   a fork of the warm base that ends at once
"""

import gc
import json
import os
import shutil
import subprocess
import sys
import time
import zlib

DRIVER = "/opt/glasshouse/driver"
OUT = "/opt/glasshouse/out"
WORK = "/work"


def main():
    sys.path.append(DRIVER)
    zygotes = {}
    for line in sys.stdin:
        request = json.loads(line)
        if request["op"] == "fork":
            key = tuple(request["modules"])
            if key not in zygotes:
                zygotes[key] = grow(request["modules"])
            requests, answers = zygotes[key]
            requests.write(line)
            requests.flush()
            answer = answers.readline()
        else:
            answer = json.dumps(plain(request) if request["op"] == "plain" else bare()) + "\n"
        sys.stdout.write(answer)
        sys.stdout.flush()


def clean():
    for folder in (WORK, OUT):
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)


def plain(request):
    clean()
    begun = time.perf_counter()
    with open(os.path.join(WORK, "main.py"), "w", encoding="utf-8") as file:
        file.write(request["code"])
    done = subprocess.run([sys.executable, "main.py"], cwd=WORK, capture_output=True, start_new_session=True)
    return {"seconds": time.perf_counter() - begun, "status": done.returncode, "pictures": []}


def bare():
    begun = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return {"seconds": time.perf_counter() - begun, "status": 0, "pictures": []}


def grow(modules):
    """A zygote of its own for a set of imports, as the product has one, behind two pipes."""
    (ours, requests), (answers, theirs) = os.pipe(), os.pipe()
    if os.fork() == 0:
        os.close(requests)
        os.close(answers)
        from glasshouse_driver import program, seed, warmth

        warmth.load(modules)
        gc.collect()
        gc.freeze()
        with os.fdopen(ours) as source, os.fdopen(theirs, "w") as target:
            for line in source:
                target.write(json.dumps(fork(json.loads(line), seed, program)) + "\n")
                target.flush()
        os._exit(0)
    os.close(ours)
    os.close(theirs)
    return os.fdopen(requests, "w"), os.fdopen(answers)


def fork(request, seed, program):
    import glasshouse_capture

    clean()
    begun = time.perf_counter()
    (out_end, out), (error_end, error) = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        # As the product does: a session of its own, which is also a share of the processor of its own.
        os.setsid()
        for descriptor, target in ((out, 1), (error, 2)):
            os.dup2(descriptor, target)
        code = request["code"].encode()
        with open(os.path.join(WORK, "main.py"), "wb") as file:
            file.write(code)
        os.chdir(WORK)
        seed.reseed(request["seed"])
        sys.path[:] = [WORK, *(folder for folder in sys.path[1:] if folder != DRIVER)]
        main = os.path.join(WORK, "main.py")
        glasshouse_capture.begin(OUT, {"max_figures": 256, "max_pixels": 64 << 20, "main_file": main, "tail": True})
        header = {"args": [], "nonce": "", "options": None}
        program.Program(os.path.join(WORK, "main.py"), header, [code, None], OUT).run(None)
    os.close(out)
    os.close(error)
    for descriptor in (out_end, error_end):
        with open(descriptor, "rb") as stream:
            stream.read()
    status = os.waitpid(pid, 0)[1]
    return {"seconds": time.perf_counter() - begun, "status": os.waitstatus_to_exitcode(status), "pictures": pictures()}


def pictures():
    """Checksums of the raw pixels that the hooks left."""
    names = sorted(name for name in os.listdir(OUT) if name.endswith(".rgba"))
    return [zlib.crc32(open(os.path.join(OUT, name), "rb").read()) for name in names]


main()
