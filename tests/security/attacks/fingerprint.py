# Everything about this process that poison.py bends, as one line.
import atexit, builtins, collections, gc, glob, hashlib, json, locale, logging, random, resource, signal, sys, threading, warnings

import numpy
import matplotlib
import matplotlib.pyplot as plt


def shape(module):
    return sorted((name, type(value).__name__, getattr(value, "__module__", "")) for name, value in vars(module).items())


facts = {
    "builtins": shape(builtins), "json": shape(json), "numpy": shape(numpy), "pyplot": shape(plt), "rc": sorted((k, str(v)) for k, v in matplotlib.rcParams.items()),
    "figures": plt.get_fignums(), "environ": sorted(os.environ.items()), "path": sys.path, "modules": sorted(sys.modules),
    "argv": sys.argv, "recursion": sys.getrecursionlimit(), "hook": repr(sys.excepthook), "switch": sys.getswitchinterval(),
    "umask": os.umask(0o022), "cwd": os.getcwd(), "signals": [str(signal.getsignal(n)) for n in sorted(signal.valid_signals())],
    "timer": signal.getitimer(signal.ITIMER_REAL), "atexit": atexit._ncallbacks(), "gc": [gc.isenabled(), gc.get_threshold()],
    "random": [random.random(), float(numpy.random.random())], "warnings": repr(warnings.filters), "logging": logging.root.manager.disable,
    "locale": locale.setlocale(locale.LC_ALL), "threads": threading.active_count(), "trace": repr(sys.gettrace()),
    "limits": [resource.getrlimit(n) for n in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC, resource.RLIMIT_STACK)], "nice": os.nice(0), "fds": sorted(os.listdir("/proc/self/fd")),
    "files": sorted(p for d in ("/work", "/tmp", "/var/tmp", "/dev/shm", "/home/sample", "/opt/glasshouse/out") for p in glob.glob(d + "/**", recursive=True, include_hidden=True)),
    "collections": shape(collections), "ids": [os.getuid(), os.getgid(), os.getpid(), os.getppid(), os.getpgid(0), os.getsid(0)],
}
os.write(1, json.dumps({k: hashlib.sha256(repr(v).encode()).hexdigest()[:12] for k, v in facts.items()}, sort_keys=True).encode())
