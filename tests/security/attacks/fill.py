# Fills a place with bytes, or with files, until it is refused; says how much fitted.
def fill_bytes(path):
    written = 0
    try:
        with open(path, "wb", buffering=0) as file:
            while written < MOST:
                written += file.write(b"x" * 65536)
    except OSError as error:
        say("stopped by", errno.errorcode[error.errno])
    say("bytes", str(written))


def fill_files(folder):
    count = 0
    try:
        while count < MOST_FILES:
            open(f"{folder}/{count}", "w").close()
            count += 1
    except OSError as error:
        say("stopped by", errno.errorcode[error.errno])
    say("files", str(count))


def reserve(path, size):
    with open(path, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, size)
