"""C text as a library that is loaded into this process, and NumPy's BLAS for it."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

# --- imports above, copied into emitted programs below ---

# Compiled code ------------------------------------------------------------------------

# Not -ffast-math: with it a library of GCC makes all of the process round what is
# smaller than the smallest normal number to 0. Not -fno-trapping-math: with it GCC 12
# makes wrong vectors of two choices by one comparison. Compilers take half of the width
# that newer x86 processors have for vectors, unless they are told otherwise.
FLAGS = (
    "-std=c99",
    "-O3",
    "-mcpu=native"
    if platform.machine() in ("aarch64", "arm64", "ppc64le")
    else "-march=native",
    *(
        ("-mprefer-vector-width=512",)
        if platform.machine() in ("x86_64", "AMD64")
        else ()
    ),
    "-fno-math-errno",
    "-ffp-contract=off",
    "-shared",
    *(() if os.name == "nt" else ("-fPIC",)),
)
SUFFIX = ".dll" if os.name == "nt" else ".so"


class CompilerError(RuntimeError):
    """No C compiler is found, or none makes a library that can be loaded."""


@cache
def compiled(text: str, *options: str) -> ctypes.CDLL:
    """Compile a text in C99 unless that was done before, and load the library.

    Libraries stay in the user's cache folder, named by a hash of the text, the flags,
    the compiler and the processor. Processes and threads may compile at the same time.

    Args:
        text: no header but the standard ones.
        options: of the compiler, beside `FLAGS`.

    Raises:
        CompilerError: with the compiler's messages and the path of the text.
    """
    commands = [[*command, *FLAGS, *options] for command in find_compilers()]
    keys = [library_key(text, command) for command in commands]
    for key in keys:
        library = load_library(os.path.join(cache_folder(), key))
        if library is not None:
            return library
    problems: list[str] = []
    for command, key in zip(commands, keys, strict=True):
        try:
            return build_library(text, command, key)
        except CompilerError as error:
            problems.append(str(error))
    raise CompilerError("\n".join(problems))


def find_compilers() -> list[list[str]]:
    """Commands that compile C: `$CC`, or any of cc, gcc, clang and ziglang's."""
    import shlex
    from importlib.util import find_spec
    from shutil import which

    chosen = os.environ.get("CC", "").strip()
    if chosen:
        try:
            words = [chosen] if which(chosen) else shlex.split(chosen)
        except ValueError:
            words = []
        program = which(words[0]) if words else None
        if program is None:
            raise CompilerError(
                f"CC is {chosen!r}, and there is no such program: set CC to the "
                "command of a C compiler, or to nothing"
            )
        return [[os.path.abspath(program), *words[1:]]]
    found: dict[str, list[str]] = {}
    for name in ("cc", "gcc", "clang"):
        program = which(name)
        if program is not None:
            found.setdefault(os.path.realpath(program), [os.path.abspath(program)])
    wheel = find_spec("ziglang")
    for folder in (wheel and wheel.submodule_search_locations) or ():
        program = which(os.path.join(folder, "zig"))
        if program is not None:
            # Zig would first compile a C library of its own, for half a minute. What
            # of it the text needs, Python has loaded.
            own = ["-nostdlib"] if sys.platform == "linux" else []
            found[program] = [program, "cc", *own]
    if not found:
        raise CompilerError(
            "there is no C compiler: install one with `apt install gcc` or "
            "`xcode-select --install`, or from PyPI with `pip install "
            "'graphc[native]'`; or set CC to the command of one"
        )
    return list(found.values())


def library_key(text: str, command: Sequence[str]) -> str:
    """The hash of all that a library depends on, without a run of the compiler."""
    from shutil import which

    programs: list[tuple[int, int]] = []
    # Each word, since a command may be `ccache gcc`.
    for program in filter(None, map(which, command)):
        status = os.stat(program)
        programs.append((status.st_size, status.st_mtime_ns))
    parts = (text, tuple(command), programs, processor())
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()


@cache
def processor() -> str:
    """The processor with its features, since a library is made for one kind only."""
    machine = platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            first = file.read(16_384).partition("\n\n")[0]
    except OSError:
        first = ""
    names = "vendor_id|cpu family|model|model name|flags|Features|CPU [a-z]+|isa|cpu"
    found = re.findall(rf"(?m)^(?:{names})\s*:.*", first)
    if found:
        return "\n".join([machine, *found])
    if sys.platform == "darwin":
        name, size = ctypes.create_string_buffer(256), ctypes.c_size_t(256)
        ctypes.CDLL(None).sysctlbyname(
            b"machdep.cpu.brand_string", name, ctypes.byref(size), None, 0
        )
        return f"{machine}\n{name.value!r}"
    return f"{machine}\n{platform.processor()}"


def cache_folder() -> str:
    """The folder of libraries, in the one that the platform has for such files."""
    if os.name == "nt":
        usual = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        usual = "~/Library/Caches"
    else:
        usual = "~/.cache"
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    base = chosen if os.path.isabs(chosen) else os.path.expanduser(usual)
    return os.path.join(base, "graphc", "native")


def load_library(folder: str) -> ctypes.CDLL | None:
    """The library in a folder of the cache, unless it is missing or damaged."""
    try:
        names = os.listdir(folder) if is_trusted(folder) else []
        for name in names:
            path = os.path.join(folder, name)
            # A library that is cut short could end the process when it is loaded.
            if name.endswith(SUFFIX) and name == hash_file(path) + SUFFIX:
                return ctypes.CDLL(path)
    except OSError:
        pass
    return None


def is_trusted(folder: str) -> bool:
    """True if no other user can have put code into a folder."""
    if os.name == "nt":
        return True
    status = os.stat(folder)
    return status.st_uid in (0, os.getuid()) and not status.st_mode & 0o022


def hash_file(path: str) -> str:
    """The SHA-256 of what a file has."""
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def build_library(text: str, command: Sequence[str], key: str) -> ctypes.CDLL:
    """Compile and load a text, in a temporary folder if the cache can't be used."""
    import shutil
    import tempfile

    try:
        return ctypes.CDLL(compile_into(cache_folder(), key, text, command))
    except CompilerError as error:
        # The fault may be the folder's, such as a full disk.
        failure, problem = error, "the compiler can't write there"
    except OSError as error:
        # What can't be loaded begins with a long path.
        failure, problem = None, error.strerror or str(error).rpartition(": ")[2]
    temporary = ""
    try:
        temporary = tempfile.mkdtemp(prefix="graphc-")
        library = ctypes.CDLL(compile_into(temporary, key, text, command))
    except (CompilerError, OSError) as error:
        if failure is None and isinstance(error, CompilerError):
            # The text stays there, to be looked at.
            raise
        shutil.rmtree(temporary, ignore_errors=True)
        raise failure or CompilerError(
            f"what `{' '.join(command)}` made can't be loaded: {error}"
        ) from None
    # The process keeps what it has loaded; Windows keeps the file, too.
    shutil.rmtree(temporary, ignore_errors=True)
    warn_of_cache(problem)
    return library


@cache
def warn_of_cache(problem: str) -> None:
    """Say once that other processes have to compile again."""
    warnings.warn(
        f"each process compiles anew, since compiled code can't be kept in "
        f"{cache_folder()}: {problem}",
        RuntimeWarning,
        stacklevel=2,
    )


def compile_into(base: str, key: str, text: str, command: Sequence[str]) -> str:
    """Write a text and its library to a folder, and return the path of the library.

    The library is named by the hash of its bytes, and has its name only when it is
    whole.
    """
    import subprocess
    import tempfile

    folder = os.path.join(base, key)
    if not os.path.isabs(folder):
        raise OSError("it has no absolute path")
    os.makedirs(folder, 0o700, exist_ok=True)
    if not is_trusted(folder):
        raise OSError(f"other users may write to {folder}")
    # Zig waits forever where it can't write to the folder that it takes by itself.
    zig = os.path.join(base, "zig")
    folders = {"ZIG_GLOBAL_CACHE_DIR": zig, "ZIG_LOCAL_CACHE_DIR": zig}
    source = os.path.join(folder, "text.c")
    with tempfile.TemporaryDirectory(dir=folder) as work:
        written, made = os.path.join(work, "text.c"), os.path.join(work, "made.tmp")
        with open(written, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.replace(written, source)
        try:
            done = subprocess.run(
                [*command, "-o", made, source],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env={**folders, **os.environ},
                check=False,
            )
            status, said = done.returncode, done.stderr.decode("utf-8", "replace")
        except OSError as error:
            status, said = 1, str(error)
        if status or not os.path.isfile(made):
            raise CompilerError(
                f"`{' '.join(command)}` can't compile {source}: {shortened(said)}\n"
                "Try another C compiler: set CC to its command, or install one with "
                "`pip install 'graphc[native]'`."
            )
        path = os.path.join(folder, hash_file(made) + SUFFIX)
        # Windows does not replace a library that is in use.
        with suppress(PermissionError):
            os.replace(made, path)
    return path


def shortened(said: str) -> str:
    """The first errors among the messages of a compiler, or else its first words."""
    lines = said.strip().splitlines()
    errors = [line for line in lines if "error" in line.lower()]
    return "\n".join((errors or lines)[:3])[:1000] or "it says nothing"


# How builds of BLAS name a function: with 64-bit sizes or without.
BLAS_SYMBOLS = (
    "scipy_{}_64_",
    "{}_64_",
    "{}$NEWLAPACK$ILP64",
    "scipy_{}_",
    "{}$NEWLAPACK",
    "{}_",
)


@cache
def blas_functions(*names: str) -> tuple[int, ...]:
    """The addresses of functions of the BLAS that NumPy calls, or else of SciPy's.

    They have Fortran's interface: all arguments are pointers. Sizes may be 64-bit
    integers for any of them, since one that reads 32 bits finds them there: the machine
    is little-endian.

    Args:
        names: such as `"sgemm"`.

    Returns:
        An address for each name; nothing where they are not found.
    """
    if sys.byteorder != "little":
        return ()
    for library in numpy_libraries():
        for symbol in BLAS_SYMBOLS:
            with suppress(AttributeError):
                found = [getattr(library, symbol.format(name)) for name in names]
                return tuple(address_of(function) for function in found)
    try:
        table: Any = import_module("scipy.linalg.cython_blas")
    except ImportError:
        return ()
    name_of = ctypes.pythonapi.PyCapsule_GetName
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    name_of.restype, name_of.argtypes = ctypes.c_char_p, (ctypes.py_object,)
    pointer.restype = ctypes.c_void_p
    pointer.argtypes = (ctypes.py_object, ctypes.c_char_p)
    capsules = [table.__pyx_capi__[name] for name in names]
    return tuple(pointer(capsule, name_of(capsule)) for capsule in capsules)


def numpy_libraries() -> Iterator[ctypes.CDLL]:
    """Libraries of NumPy, which are loaded already: a look-up covers what they need."""
    for name in ("numpy._core._multiarray_umath", "numpy.core._multiarray_umath"):
        module = sys.modules.get(name)
        if module is not None and module.__file__:
            yield ctypes.CDLL(module.__file__)
    if os.name == "nt":
        # There a look-up covers one library.
        folder = os.path.join(os.path.dirname(np.__path__[0]), "numpy.libs")
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            if "openblas" in name and name.endswith(".dll"):
                yield ctypes.CDLL(os.path.join(folder, name))


def address_of(function: Any) -> int:
    """The address of a function of a library."""
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def use_blas(library: ctypes.CDLL) -> None:
    """Give a compiled library the products of matrices of BLAS, if there are any."""
    for dtype, name in (("float32", "sgemm"), ("float64", "dgemm")):
        for address in blas_functions(name):
            # The second is what the first becomes where a path is not in UTF-8.
            with suppress(AttributeError, UnicodeDecodeError):
                getattr(library, f"use_blas_{dtype}")(ctypes.c_void_p(address))
