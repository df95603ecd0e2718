# The host's files, the image, the kernel's knobs: what root would read or write.
WRITES = ["/etc/passwd", "/etc/glasshouse-test", "/usr/bin/python3", "/usr/lib/python3.11/os.py", "/opt/glasshouse/driver/start.py",
          "/opt/glasshouse/driver/glasshouse_driver/new.py", "/root/x", "/run/x", "/sys/x", "/dev/x", "/home/x", "/var/x", "/boot/x", "/x",
          "/proc/self/exe", "/proc/self/mem", "/proc/self/oom_score_adj", "/proc/self/uid_map", "/proc/self/setgroups", "/proc/self/coredump_filter",
          "/proc/self/attr/current", "/proc/1/oom_score_adj", "/proc/sys/kernel/core_pattern", "/proc/sys/vm/drop_caches", "/proc/sysrq-trigger",
          "/sys/fs/cgroup/release_agent", "/sys/fs/cgroup/memory/release_agent", "/sys/kernel/uevent_helper"]
READS = ["/etc/shadow", "/root/.bashrc", "/proc/1/environ", "/proc/1/root/etc/passwd", "/proc/kcore", "/proc/kallsyms", "/proc/kmsg",
         "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/proc/sys/kernel/random/boot_id", "/proc/cpuinfo", "/proc/loadavg", "/proc/mounts/../net/tcp",
         "/dev/mem", "/dev/kmem", "/dev/kmsg", "/dev/sda", "/dev/vda", "/dev/tty", "/dev/console", "/dev/ptmx", "/dev/fuse", "/dev/kvm",
         "/dev/net/tun", "/dev/userfaultfd", "/dev/mqueue", "/sys/class", "/sys/fs/cgroup", "/sys/kernel",
         "/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/run/systemd", "/run/dbus", "/tmp/.X11-unix"]


def write(path):
    os.close(os.open(path, os.O_WRONLY | (os.O_CREAT if path.endswith(("x", "test", "new.py")) and "self" not in path else 0), 0o600))


def read(path):
    if os.path.isdir(path):
        os.listdir(path)
    else:
        os.read(os.open(path, os.O_RDONLY | os.O_NONBLOCK), 1)


for path in WRITES:
    attempt("write " + path, lambda: write(path))
for path in READS:
    attempt("read " + path, lambda: read(path))
