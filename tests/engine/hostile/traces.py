"""Runs writers and a reader through one judge, inside the jail: what the reader sees after each writer, as JSON.

A writer leaves what it can, the reader looks for all of it. Each pair gets a judge with one worker. Before the reader's
run come the writer, or two programs that leave nothing.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from engine import Judge, Limits, parse_problem

ANY = parse_problem({"inputs": [""], "outputs": ["seen\n"]})
LOCKS = """
import ctypes, fcntl, os, struct
lock = lambda kind: struct.pack('hhqqi4x', kind, 0, 777, 1, 0)
"""
WRITERS = {
    "nothing": "print(1)",
    "locks": LOCKS
    + """
for path in (2, '/dev/null', os.__file__):
    for mode in (os.O_RDWR, os.O_RDONLY):
        try: fd = path if path == 2 else os.open(path, mode)
        except OSError: continue
        for command in (6, 37):
            for kind in (fcntl.F_WRLCK, fcntl.F_RDLCK):
                try: fcntl.fcntl(fd, command, lock(kind))
                except OSError: pass
        try: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError: pass
""",
    "flags": """
import fcntl, os
for fd in range(6):
    try: fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) ^ (os.O_APPEND | os.O_NONBLOCK | os.O_NOATIME))
    except OSError: pass
    for owner in (8, 10, 1024, 1026, 1036):
        try: fcntl.fcntl(fd, owner, 9)
        except OSError: pass
""",
    "offsets": """
import os
os.write(2, b'x' * 999); os.lseek(2, 4096, 0)
os.lseek(1, 999, 0); os.lseek(0, 999, 0)
""",
    "inodes": """
import os, tempfile
for n in range(700):
    try: open('/tmp/%d' % n, 'w').close(); os.unlink('/tmp/%d' % n)
    except OSError: break
for n in range(50):
    try: tempfile.TemporaryFile().write(b'x')
    except OSError: break
try: os.close(os.open('/tmp', os.O_TMPFILE | os.O_RDWR))
except OSError: pass
""",
    "files": """
import os
try:
    os.makedirs('/tmp/a/b'); open('/tmp/a/b/c', 'w').write('x'); os.symlink('/usr', '/tmp/l'); os.mkdir('/tmp/no', 0)
    os.mkfifo('/tmp/p')
except OSError: pass
""",
    "times and modes": """
import os
for path in ('/tmp', '/dev/null', '/', '/dev', os.__file__, '/dev/fd/2'):
    for change in (lambda: os.utime(path, (42, 42)), lambda: os.chmod(path, 0o1700), lambda: os.chown(path, 0, 0)):
        try: change()
        except OSError: pass
for fd in range(4):
    for change in (lambda: os.utime(fd, (42, 42)), lambda: os.chmod(fd, 0o700)):
        try: change()
        except OSError: pass
""",
    "process": """
import os, resource, signal, sys, builtins
for change in (lambda: os.umask(0), lambda: os.chdir('/usr'), lambda: os.nice(5), lambda: signal.setitimer(signal.ITIMER_REAL, 99),
               lambda: signal.signal(signal.SIGUSR1, signal.SIG_IGN), lambda: os.environ.update(LEFT='x'), lambda: os.setsid(),
               lambda: resource.setrlimit(resource.RLIMIT_STACK, (1 << 20, 1 << 20)), lambda: setattr(sys, 'left', 1),
               lambda: setattr(builtins, 'left', 1), lambda: sys.modules.update(left=sys), lambda: os.sched_setaffinity(0, {0})):
    try: change()
    except (OSError, ValueError): pass
""",
    "memory": """
import ctypes, sys
left = 'mark' + 'er' * 3
kept = [left + str(n) for n in range(1000)]
sys.intern(left)
ctypes.memmove(id(257) + 24, b'\\x05', 1)
import json, math
json.left = math.left = left
print(left, file=sys.stderr)
""",
    "a refusal": "def f(markererer): global markererer",
    "a refusal's bytes": "# coding: markererer\n",
    "a status": "import os; os._exit(133)",
    "a signal": "import os, signal; os.kill(os.getpid(), signal.SIGUSR2)",
    "a stop": "import time; time.sleep(1e6)",
    "kernel objects": """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall(29, 777, 4096, 0o1666)  # shmget, semget, msgget, mq_open, add_key, inotify_init, memfd_create
libc.syscall(64, 777, 1, 0o1666); libc.syscall(68, 777, 0o1666); libc.syscall(240, b'left', 0o102, 0o666, None)
libc.syscall(248, b'user', b'left', b'x', 1, -3); libc.syscall(253); libc.syscall(319, b'left', 0)
libc.syscall(170, b'left', 4)
""",
    "threads": """
import threading
threads = [threading.Thread(target=int) for _ in range(60)]
[t.start() for t in threads]; [t.join() for t in threads]
""",
}
READER = (
    LOCKS
    + """
import builtins, gc, json, re, resource, signal, sys, threading
seen = {}
null = os.open('/dev/null', os.O_RDWR)
for name, fd in (('null', null), ('2', 2), ('library', os.open(os.__file__, os.O_RDONLY))):
    for command in (fcntl.F_GETLK, 36):
        try: seen['lock %s %d' % (name, command)] = struct.unpack('hhqqi4x', fcntl.fcntl(fd, command, lock(1)))[0]
        except OSError as error: seen['lock %s %d' % (name, command)] = error.errno
    try: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB); seen['flock ' + name] = 'free'
    except OSError as error: seen['flock ' + name] = error.errno
for fd in range(3):
    seen['flags %d' % fd] = fcntl.fcntl(fd, fcntl.F_GETFL)
    seen['offset %d' % fd] = os.lseek(fd, 0, 1)
    facts = os.fstat(fd); seen['facts %d' % fd] = [facts.st_mode, facts.st_size, facts.st_uid]
for path in ('/tmp', '/dev/null', '/', '/dev'):
    facts = os.stat(path)
    seen['facts ' + path] = [facts.st_mode, facts.st_nlink, facts.st_size, facts.st_atime < 1e6, facts.st_mtime < 1e6] + [facts.st_ino] * (path == '/tmp')
try:
    seen['tmp'] = os.listdir('/tmp')
    file = open('/tmp/new', 'w'); seen['inode'] = os.fstat(file.fileno()).st_ino
    folder = os.open('/tmp', os.O_RDONLY); buffer = ctypes.create_string_buffer(4096)
    libc = ctypes.CDLL(None); size = libc.syscall(217, folder, buffer, 4096); seen['entries'] = buffer.raw[:size].hex()
except OSError as error: seen['tmp'] = error.errno
seen['process'] = [os.umask(0o77), os.getcwd(), os.getpriority(os.PRIO_PROCESS, 0), signal.getitimer(signal.ITIMER_REAL)[0],
                   str(signal.getsignal(signal.SIGUSR1)), dict(os.environ), os.getppid() == 1, os.getpgrp() - os.getsid(0),
                   resource.getrlimit(resource.RLIMIT_STACK), len(os.sched_getaffinity(0)), os.times()[2:4],
                   list(resource.getrusage(resource.RUSAGE_CHILDREN)), len(os.uname().nodename)]
seen['modules'] = [hasattr(sys, 'left'), hasattr(builtins, 'left'), 'left' in sys.modules, 256 + 1 == 257, hasattr(json, 'left')]
libc = ctypes.CDLL(None, use_errno=True)
seen['kernel'] = [libc.syscall(29, 777, 0, 0), libc.syscall(64, 777, 0, 0), libc.syscall(68, 777, 0), libc.syscall(240, b'left', 0, 0, None), os.uname().nodename != 'left']
libc.sbrk.restype = ctypes.c_void_p
top = libc.sbrk(0)
starts = {id(o) >> 20 << 20 for o in gc.get_objects()} | {(top >> 20 << 20) - (n << 20) for n in range(3)}
pages = sorted(start + (n << 12) for start in starts for n in range(256))
libc.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]
vector = ctypes.create_string_buffer(1)
mapped = [page for page in pages if libc.mincore(page, 4096, vector) == 0]
memory = b''.join(ctypes.string_at(page, 4096) for page in mapped)
frame, seen['frames'] = sys._getframe(), []
def told(value):
    return re.sub('0x[0-9a-f]+', '', repr(value))
while frame is not None:
    if 'serve_task' in frame.f_code.co_name:
        for name, value in sorted(frame.f_locals.items()):
            parts = [getattr(value, part, None) for part in dir(value) if part[:2] != '__' and type(value).__module__[:6] == 'engine']
            seen['frames'].append([frame.f_code.co_name, name, told(value), sorted(map(told, parts))])
    frame = frame.f_back
gc.unfreeze()
seen['objects'] = sorted(type(thing).__name__ for thing in gc.get_objects() if type(thing).__module__[:14] == 'engine.sandbox')
wanted = b'rererekram'[::-1]
seen['memory'] = memory.count(wanted)
seen['enough memory'] = len(memory) > 1 << 20
print(json.dumps(seen, sort_keys=True))
"""
)


def main() -> None:
    for name, writer in WRITERS.items():
        with Judge(workers=1, limits=Limits(cpu_seconds=4.0, output_bytes=1 << 20)) as judge:
            before = judge.submit(writer.encode(), ANY).result(120)
            (seen,) = judge.outputs(READER.encode(), ANY).result(120)
            answer = {"id": name, "isolation": before.isolation, "infra": before.infra_reason + seen.infra_reason}
            print(json.dumps({**answer, "seen": seen.value, "error": str(seen.error)}), flush=True)


main()
