# Bends everything in this interpreter that a later job might inherit if it shared the process.
import atexit, builtins, collections, gc, json, locale, logging, random, resource, signal, sys, threading, warnings

import numpy
import matplotlib
import matplotlib.pyplot as plt

builtins.print = lambda *a, **k: None
builtins.open = None
builtins.poisoned = True
json.dumps = None
numpy.poisoned = True
matplotlib.rcParams["figure.dpi"] = 17
matplotlib.rcParams["font.size"] = 99
plt.figure()
plt.savefig = None
numpy.array = None
os.environ.clear()
os.environ["PATH"] = "/poison"
sys.path.insert(0, "/poison")
sys.modules["poison"] = sys
sys.argv[:] = ["poison"]
sys.setrecursionlimit(77)
sys.excepthook = lambda *a: os._exit(0)
sys.setswitchinterval(1)
os.umask(0o777)
os.chdir("/")
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGALRM, lambda *a: None)
signal.setitimer(signal.ITIMER_REAL, 0.01)
atexit.register(os._exit, 77)
os.register_at_fork(after_in_child=lambda: os._exit(78), before=lambda: None)
gc.disable()
gc.set_threshold(1)
random.seed(5)
numpy.random.seed(5)
warnings.simplefilter("error")
logging.disable()
locale.setlocale(locale.LC_ALL, "C")
threading.setprofile(lambda *a: None)
sys.settrace(lambda *a: None)
resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
os.nice(5)
collections.OrderedDict = None
