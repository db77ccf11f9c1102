"""What a program might try from inside a worker: each function does its deed, and answers or raises."""

import ctypes
import multiprocessing
import os
import resource
import signal
import socket
import subprocess
import threading
from pathlib import Path


def deed(name, *arguments):
    """What came of it: "done", or the error's class."""
    try:
        globals()[name](*arguments)
    except BaseException as error:
        return type(error).__name__
    return "done"


def start_a_program():
    subprocess.run(["true"], check=True)


def run_a_shell():
    if os.system("true") != 0:
        raise PermissionError


def call_the_shell_of_libc():
    if ctypes.CDLL(None).system(b"true") != 0:
        raise PermissionError


def fork():
    if os.fork() == 0:
        os._exit(0)


def start_a_process():
    process = multiprocessing.get_context("fork").Process(target=print)
    process.start()
    process.join()


def replace_itself():
    os.execv("/bin/true", ["true"])


def connect_by_tcp(port):
    with socket.create_connection(("127.0.0.1", port), timeout=2):
        pass


def send_by_udp(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.sendto(b"x", ("127.0.0.1", port))


def connect_to_a_path(path):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)


def listen_abstractly():
    with socket.socket(socket.AF_UNIX) as connection:
        connection.bind("\0gi-attempt")
        connection.listen()


def read(path):
    Path(path).read_bytes()


def list_folder(path):
    list(Path(path).iterdir())


def write(path):
    Path(path).write_text("x")


def make_folder(path):
    Path(path).mkdir()


def remove(path):
    Path(path).unlink()


def link(path, target):
    Path(path).symlink_to(target)
    Path(path).read_bytes()


def hard_link(path, target):
    os.link(target, path)


def truncate(path):
    os.truncate(path, 0)


def change_mode(path):
    Path(path).chmod(0o777)


def signal_the_server():
    os.kill(os.getppid(), signal.SIGTERM)


def signal_everybody():
    os.killpg(os.getpgid(os.getppid()), signal.SIGUSR1)


def trace_the_server():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(16, os.getppid(), 0, 0) != 0:  # PTRACE_ATTACH
        raise PermissionError


def read_the_servers_memory():
    Path(f"/proc/{os.getppid()}/mem").open("rb").close()


def read_the_servers_environment():
    Path(f"/proc/{os.getppid()}/environ").read_bytes()


def lift_limits():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 1, hard - 1))


def leave_the_group():
    os.setsid()


def mount():
    if ctypes.CDLL(None, use_errno=True).mount(b"none", b"/tmp", b"tmpfs", 0, None) != 0:
        raise PermissionError


def enter_namespaces():
    if ctypes.CDLL(None, use_errno=True).unshare(0x10000000) != 0:
        raise PermissionError


def call(number, *arguments):
    """A system call by its number on x86_64; raises where it fails."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    result = libc.syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), "failed")
    return result


def outlive_the_server():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(1, 0, 0, 0, 0) != 0:  # PR_SET_PDEATHSIG
        raise PermissionError


def keep_memory_in_a_file_without_a_name():
    os.close(os.memfd_create("attempt"))


def keep_memory_in_secret():
    call(447, ctypes.c_uint(0))


def have_the_kernel_signal_the_server():
    import fcntl

    reading, _ = os.pipe()
    fcntl.fcntl(reading, fcntl.F_SETOWN, os.getppid())


def have_the_kernel_signal_a_thread_of_the_server():
    import fcntl
    import struct

    reading, _ = os.pipe()
    fcntl.fcntl(reading, 15, struct.pack("ii", 1, os.getppid()))  # F_SETOWN_EX, of a process


def have_a_socket_signal_the_server():
    import fcntl
    import struct

    reading, _ = os.pipe()
    fcntl.ioctl(reading, 0x8901, struct.pack("i", os.getppid()))  # FIOSETOWN


def watch_a_folder(path):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.inotify_add_watch(libc.inotify_init(), path.encode(), 0xFFF) < 0:
        raise PermissionError


def watch_a_folder_by_its_descriptor():
    import fcntl

    fcntl.fcntl(os.open("/usr/lib", os.O_RDONLY), fcntl.F_NOTIFY, fcntl.DN_CREATE)


def watch_a_mount():
    call(300, ctypes.c_uint(0x200), ctypes.c_uint(0))  # FAN_REPORT_FID, which needs no right


def mark_a_file(path):
    call(463, ctypes.c_int(-100), path.encode(), ctypes.c_uint(0), b"user.x", ctypes.create_string_buffer(16), 16)


def set_a_files_flags(path):
    call(469, ctypes.c_int(-100), path.encode(), ctypes.create_string_buffer(24), ctypes.c_size_t(24), ctypes.c_uint(0))


def write_a_segment_table():
    call(154, 1, ctypes.create_string_buffer(16), 16)


def read_and_write_behind():
    call(206, 1, ctypes.byref(ctypes.c_long(0)))


def move_the_servers_pages():
    call(279, os.getppid(), ctypes.c_ulong(0), None, None, None, 0)


def raise_its_turns():
    os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)


def hold_the_server_to_one_core():
    os.sched_setaffinity(os.getppid(), {0})


def signal_by_a_descriptor():
    os.pidfd_open(os.getppid())


def start_a_thread():
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()


def write_in_scratch():
    Path("file").write_text("x")
    Path("folder").mkdir()
    Path("file").rename("folder/file")


def read_its_limits():
    resource.getrlimit(resource.RLIMIT_NOFILE)


def train():
    import torch

    torch.set_num_threads(2)
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.Flatten(), torch.nn.Linear(4 * 36, 3))
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.rand(8, 1, 8, 8)).sum().backward()
    optimizer.step()
    torch.save(net.state_dict(), "weights.pt")
    torch.load("weights.pt", weights_only=True)


def import_lazily():
    import torchvision.models.resnet  # noqa: F401
