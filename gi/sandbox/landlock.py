"""Landlock: this process and all that it becomes may reach no file but those that are named (Linux 5.13 and later).

The kernel's interface is three system calls without a wrapper in libc; see landlock(7). Rights grow with the version of
the interface: what an older kernel does not know cannot be denied there.
"""

import ctypes
import errno
import os
import stat
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_VERSION_FLAG, _RULE_PATH_BENEATH = 1, 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE, _IOCTL_DEVICE = 1 << 14, 1 << 15
_OF_A_FILE = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEVICE
#: The file rights that each version knows; the first versions to know TCP ports, and signals and abstract sockets.
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_TCP_FROM, _TCP_RIGHTS = 4, 0b11
_SCOPES_FROM, _SCOPES = 6, 0b11


def landlock_version() -> int:
    """The version of the kernel's interface; 0 where there is none."""
    if sys.platform != "linux":
        return 0
    return max(_syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG), 0)


def restrict_files(*, readable: Iterable[Path], writable: Iterable[Path]) -> None:
    """Restricts this process to reading below `readable`, and to everything but execution below `writable`.

    Paths that do not exist are passed over. TCP, signals to other processes and abstract sockets are denied as
    well, where the kernel can. Needs `no_new_privs`. Raises `OSError`.
    """
    version = landlock_version()
    if not version:
        raise OSError(errno.ENOSYS, "the kernel has no Landlock")
    rights = next(known for since, known in sorted(_FILE_RIGHTS.items(), reverse=True) if since <= version)
    fields = [rights]
    if version >= _TCP_FROM:
        fields.append(_TCP_RIGHTS)
    if version >= _SCOPES_FROM:
        fields.append(_SCOPES)
    attributes = struct.pack(f"{len(fields)}Q", *fields)
    ruleset = _checked(_syscall(_CREATE_RULESET, attributes, len(attributes), 0))
    try:
        for path in readable:
            _allow(ruleset, path, (_READ_FILE | _READ_DIR) & rights)
        for path in writable:
            _allow(ruleset, path, rights & ~_EXECUTE)
        _checked(_syscall(_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= _OF_A_FILE  # the kernel refuses a folder's rights on a file
        rule = struct.pack("=Qi", rights, descriptor)
        _checked(_syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0))
    finally:
        os.close(descriptor)


def _syscall(number: int, *arguments: int | bytes | None) -> int:
    """What a system call returns, -1 with `errno` set for a failure."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    passed = [ctypes.c_long(a) if isinstance(a, int) else ctypes.c_char_p(a) for a in arguments]
    return int(libc.syscall(ctypes.c_long(number), *passed))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"landlock: {os.strerror(number)}")
    return result
