# A grandchild that does what it can to outlive its run.
import signal, sys, time

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
            try:
                signal.signal(number, signal.SIG_IGN)
            except OSError:
                pass
        os.write(1, b"DAEMON\n")
        ctypes.CDLL(None).prctl(15, MARK.encode(), 0, 0, 0)
        time.sleep(600)
    os._exit(0)
os.wait()
time.sleep(0.5)
