"""Makes a torch of PyPI's work without the four gigabytes of nvidia's packages that its wheel asks for, on the processor.

Run once on the folder that pip has filled. torch's libraries are linked to CUDA's and would not load without them, though
nothing is ever called there where there is no card. So for each library that is missing a stand-in is made, from what
torch's own files say they need of it: names and versions of symbols. A stand-in's functions say that there is no device.
"""

import pathlib
import re
import shutil
import subprocess
import sys

# cudaErrorNoDevice
NO_DEVICE = 100
SYSTEM = re.compile(r"(lib(c|m|dl|pthread|rt|gcc_s|stdc\+\+)\.so|ld-linux)")
# Folders and libraries that are never needed here.
SPARE = ["include", "share", "test", "lib/libtorch_cuda_linalg.so"]
# Functions of CUDA that are referred to without a version.
OURS = re.compile(r"(__)?(cu|nccl|nvrtc|nvshmem)\w+")


def said(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def wanted(libraries):
    """Symbols that nobody defines, by the library and version they are looked for in; and the missing libraries."""
    defined, undefined, needed, homes = set(), set(), set(), {}
    for library in libraries:
        for line in said("nm", "-D", str(library)).splitlines():
            kind, name = line.split()[-2:]
            name, _, version = name.partition("@")
            if kind in "Uvw":
                undefined.add((name, version.lstrip("@")))
            else:
                defined.add(name)
        needed.update(re.findall(r"NEEDED.*\[(.*)\]", said("readelf", "-dW", str(library))))
        home = None
        for line in said("readelf", "-VW", str(library)).splitlines():
            if found := re.search(r"File: (\S+)", line):
                home = found[1]
            elif (found := re.search(r"Name: (\S+)\s+Flags", line)) and home:
                homes[found[1]] = home
    here = {library.name for library in libraries}
    missing = {name: {} for name in needed if not SYSTEM.match(name) and name not in here}
    runtime = next(name for name in missing if name.startswith("libcudart."))
    for name, version in sorted(undefined):
        home = homes.get(version)
        if home is None and not version and name not in defined and OURS.fullmatch(name):
            home = runtime
        if home in missing and name not in defined:
            missing[home].setdefault(version, []).append(name)
    return missing


def stand_in(folder, library, symbols):
    source, script = folder / "stand-in.c", folder / "stand-in.map"
    names = sorted({name for some in symbols.values() for name in some})
    # What registers kernels when a library is loaded wants a handle back.
    body = {"__cudaRegisterFatBinary": "void *{}(void) {{ static void *handle[4]; return handle; }}\n"}
    # And what names an error is read as text.
    body |= {name: 'char *{}(void) {{ return "no device"; }}\n' for name in names if re.search("Error(String|Name)$", name)}
    plain = f"int {{}}(void) {{{{ return {NO_DEVICE}; }}}}\n"
    source.write_text("".join(body.get(name, plain).format(name) for name in names))
    versions = {version: some for version, some in symbols.items() if version}
    script.write_text("".join(f"{version} {{ {'; '.join(some)}; }};\n" for version, some in versions.items()))
    command = ["cc", "-w", "-shared", "-fPIC", "-fno-builtin", f"-Wl,-soname,{library}", "-o", str(folder / library)]
    if versions:
        command.append(f"-Wl,--version-script={script}")
    subprocess.run([*command, str(source)], check=True)
    source.unlink()
    script.unlink()


def main():
    packages = pathlib.Path(sys.argv[1])
    torch = packages / "torch"
    for spare in SPARE:
        path = torch / spare
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    folder = torch / "lib"
    libraries = [path for path in folder.iterdir() if ".so" in path.name]
    libraries += packages.glob("torchvision/_C.so")
    for library, symbols in wanted(libraries).items():
        stand_in(folder, library, symbols)


main()
