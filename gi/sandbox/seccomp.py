"""seccomp: system calls that a worker never needs fail, for this process and every thread of it (Linux).

The filter is a program of the kernel's packet filter machine (BPF), assembled here: pyseccomp needs a library of the
system, and looks for it with a compiler. A denied call fails with EPERM, which Python and torch turn into an ordinary
exception; a process of another architecture's calls is killed, since its numbers mean other calls.
"""

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass

_SET_MODE_FILTER, _ON_ALL_THREADS = 1, 1
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_X32_CALLS = 0x40000000  # 64-bit processes reach the same calls a second time under these numbers
_CLONE_THREAD = 0x00010000
#: PR_SET_PDEATHSIG: a worker that does not die with its parent would stay when gi has gone.
_OF_PRCTL = (1,)
#: F_SETOWN, F_SETOWN_EX and F_NOTIFY: the kernel would signal another process for this one, or watch a folder.
_OF_FCNTL = (8, 15, 1026)
#: FIOSETOWN and SIOCSPGRP, the same of sockets; TIOCSTI and TIOCLINUX type on a terminal.
_OF_IOCTL = (0x8901, 0x8902, 0x5412, 0x541C)
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16


@dataclass(frozen=True, slots=True)
class _Architecture:
    """An architecture's number in audit records, and those of the calls that the filter installs or looks into."""

    audit: int
    column: int
    seccomp: int
    clone: int
    clone3: int
    tgkill: int
    prlimit: int
    prctl: int
    fcntl: int
    ioctl: int


_ARCHITECTURES = {
    "x86_64": _Architecture(
        0xC000003E, 0, seccomp=317, clone=56, clone3=435, tgkill=234, prlimit=302, prctl=157, fcntl=72, ioctl=16
    ),
    "aarch64": _Architecture(
        0xC00000B7, 1, seccomp=277, clone=220, clone3=435, tgkill=131, prlimit=261, prctl=167, fcntl=25, ioctl=29
    ),
}
#: The numbers of what is denied, on x86_64 and on aarch64; None where an architecture has no such call.
DENIED: dict[str, tuple[int | None, int | None]] = {
    # programs and processes
    "execve": (59, 221),
    "execveat": (322, 281),
    "fork": (57, None),
    "vfork": (58, None),
    # the network
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "accept": (43, 202),
    "accept4": (288, 242),
    "bind": (49, 200),
    "listen": (50, 201),
    # signals to others
    "kill": (62, 129),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    # others' memory
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    # limits, groups and turns on the processor
    "setrlimit": (160, 164),
    "setpgid": (109, 154),
    "setsid": (112, 157),
    "setpriority": (141, 140),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274),
    "sched_setaffinity": (203, 122),
    "ioprio_set": (251, 30),
    # mounts, roots and namespaces
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_tree_attr": (467, 467),
    # kernel interfaces with a history of holes
    "bpf": (321, 280),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "userfaultfd": (323, 282),
    "perf_event_open": (298, 241),
    "modify_ldt": (154, None),
    "io_setup": (206, 0),
    "io_submit": (209, 2),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    # memory that the limits of a process do not count
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
    # what happens to files: Landlock lets a program watch those that it may not read
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "inotify_add_watch": (254, 27),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    # memory and queues that outlive a process
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "shmdt": (67, 197),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "semget": (64, 190),
    "semop": (65, 193),
    "semctl": (66, 191),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    # the machine
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "personality": (135, 92),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "acct": (163, 89),
    "syslog": (103, 116),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "vhangup": (153, 58),
    "iopl": (172, None),
    "ioperm": (173, None),
    # modes, owners and times of files, which Landlock does not look after
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "setxattrat": (463, 463),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    # users
    "setuid": (105, 146),
    "setgid": (106, 144),
    "setreuid": (113, 145),
    "setregid": (114, 143),
    "setresuid": (117, 147),
    "setresgid": (119, 149),
    "setgroups": (116, 159),
    "setfsuid": (122, 151),
    "setfsgid": (123, 152),
    "capset": (126, 91),
}


def seccomp_is_known() -> bool:
    """Whether the filter knows this machine's calls."""
    return sys.platform == "linux" and platform.machine() in _ARCHITECTURES


def deny_system_calls() -> None:
    """Installs the filter, for good. Needs `no_new_privs`. Raises `OSError` where the kernel or machine cannot."""
    if not seccomp_is_known():
        raise OSError(errno.ENOSYS, f"no filter of system calls is known for {sys.platform} on {platform.machine()}")
    machine = _ARCHITECTURES[platform.machine()]
    program = b"".join(_program(machine, os.getpid()))
    code = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: how many instructions, and where they lie
    header = struct.pack("HL", len(program) // 8, ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    calls = (ctypes.c_long(machine.seccomp), ctypes.c_ulong(_SET_MODE_FILTER), ctypes.c_ulong(_ON_ALL_THREADS))
    if libc.syscall(*calls, ctypes.c_char_p(header)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"seccomp: {os.strerror(number)}")


def _program(machine: _Architecture, pid: int) -> Sequence[bytes]:
    """The filter's instructions, in order; each block looks at one call and falls through to the next."""
    denied = _errno(errno.EPERM)
    return (
        _instruction(_LOAD, _ARCHITECTURE_AT),
        _instruction(_EQUAL, machine.audit, 1, 0),
        _instruction(_RETURN, _KILL),
        _instruction(_LOAD, _NUMBER_AT),
        _instruction(_AT_LEAST, _X32_CALLS, 0, 1),
        _instruction(_RETURN, denied),
        # The flags of clone3 lie behind a pointer, out of a filter's sight; without it libc takes clone.
        _instruction(_EQUAL, machine.clone3, 0, 1),
        _instruction(_RETURN, _errno(errno.ENOSYS)),
        _instruction(_EQUAL, machine.clone, 0, 4),  # threads only
        _instruction(_LOAD, _ARGUMENTS_AT),
        _instruction(_ANY_BIT, _CLONE_THREAD, 0, 1),
        _instruction(_RETURN, _ALLOW),
        _instruction(_RETURN, denied),
        _instruction(_EQUAL, machine.tgkill, 0, 4),  # its own threads only: abort() and threads need it
        _instruction(_LOAD, _ARGUMENTS_AT),
        _instruction(_EQUAL, pid, 0, 1),
        _instruction(_RETURN, _ALLOW),
        _instruction(_RETURN, denied),
        _instruction(_EQUAL, machine.prlimit, 0, 8),  # its own limits, to read: no new limit at the address 0
        _instruction(_LOAD, _ARGUMENTS_AT),
        _instruction(_EQUAL, 0, 0, 5),
        _instruction(_LOAD, _ARGUMENTS_AT + 16),
        _instruction(_EQUAL, 0, 0, 3),
        _instruction(_LOAD, _ARGUMENTS_AT + 20),
        _instruction(_EQUAL, 0, 0, 1),
        _instruction(_RETURN, _ALLOW),
        _instruction(_RETURN, denied),
        *_without(machine.prctl, 0, _OF_PRCTL),
        *_without(machine.fcntl, 1, _OF_FCNTL),
        *_without(machine.ioctl, 1, _OF_IOCTL),
        *(
            part
            for numbers in DENIED.values()
            if (call := numbers[machine.column]) is not None
            for part in (_instruction(_EQUAL, call, 0, 1), _instruction(_RETURN, denied))
        ),
        _instruction(_RETURN, _ALLOW),
    )


def _without(call: int, argument: int, values: Sequence[int]) -> Sequence[bytes]:
    """The block that denies one call where the low half of an argument, which the kernel reads alone, has a value."""
    denied = _instruction(_RETURN, _errno(errno.EPERM))
    compared = [part for value in values for part in (_instruction(_EQUAL, value, 0, 1), denied)]
    return (
        _instruction(_EQUAL, call, 0, len(compared) + 2),
        _instruction(_LOAD, _ARGUMENTS_AT + 8 * argument),
        *compared,
        _instruction(_RETURN, _ALLOW),
    )


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """One instruction, struct sock_filter: jumps count the instructions to pass over."""
    return struct.pack("HBBI", code, if_true, if_false, value)


def _errno(number: int) -> int:
    return 0x00050000 | number
