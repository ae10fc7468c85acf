"""Honest programs, whatever they do to read, to print and to end: all of them pass, as under CPython."""

from collections.abc import Iterator

import pytest

from engine import Judge, Limits, Verdict, parse_problem

SUM = parse_problem({"inputs": ["3\n5 1 9\n", "4\n10 20 30 41\n"], "outputs": ["15 9\n", "101 41\n"]})
ANSWER = "a=list(map(int,lines[1].split())); print(sum(a),max(a))"
READ = "lines=open(0).read().split('\\n')"


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge(limits=Limits(cpu_seconds=4.0)) as judge:
        yield judge


STYLES = {
    "input": "n = int(input()); a = list(map(int, input().split())); print(sum(a), max(a))",
    "buffer": "import sys; d = sys.stdin.buffer.read().split(); a = list(map(int, d[1:])); print(sum(a), max(a))",
    "open0": "a = list(map(int, open(0).read().split()[1:])); print(sum(a), max(a))",
    "iteration": "import sys; a = list(map(int, [line for line in sys.stdin][1].split())); print(sum(a), max(a))",
    "os.read": "import os; a = list(map(int, os.read(0, 9999).split()[1:])); os.write(1, b'%d %d' % (sum(a), max(a)))",
    "exit": "n = int(input()); a = list(map(int, input().split())); print(sum(a), max(a)); exit()",
    "os._exit": "import os; n = input(); a = list(map(int, input().split())); print(sum(a), max(a), flush=True); os._exit(0)",
    "atexit": "import atexit; input(); a = list(map(int, input().split())); atexit.register(lambda: print(sum(a), max(a)))",
    "stdin closed": "import sys; input(); a = list(map(int, input().split())); sys.stdin.close(); print(sum(a), max(a))",
    "stdout replaced": "import io, sys, os\ninput(); a = list(map(int, input().split()))\nsys.stdout = io.TextIOWrapper(open(1, 'wb'))\nprint(sum(a), max(a))",
    "late thread": "import threading, time\ndef main():\n input(); a = list(map(int, input().split())); time.sleep(0.02); print(sum(a), max(a))\nthreading.Thread(target=main).start()",
    "thread pool": "from concurrent.futures import ThreadPoolExecutor\ninput(); a = list(map(int, input().split()))\npool = ThreadPoolExecutor(2)\nprint(pool.submit(sum, a).result(), max(a))",
    "asyncio": "import asyncio\nasync def main():\n input(); a = list(map(int, input().split())); await asyncio.sleep(0); print(sum(a), max(a))\nasyncio.run(main())",
    "dataclass": "from dataclasses import dataclass\n@dataclass\nclass P:\n x: 'int'\ninput(); a = list(map(int, input().split())); print(P(sum(a)).x, max(a))",
    "main guard": "def main():\n input(); a = list(map(int, input().split())); print(sum(a), max(a))\nif __name__ == '__main__': main()",
    "BOM": "\ufeffinput(); a = list(map(int, input().split())); print(sum(a), max(a))",
    "CRLF": "input()\r\na = list(map(int, input().split()))\r\nprint(sum(a), max(a))\r\n",
    "form feed": "input()\n\f\na = list(map(int, input().split()))\nprint(sum(a), max(a))",
    "temporary file": "import tempfile\ninput(); a = list(map(int, input().split()))\nwith tempfile.TemporaryFile() as f: f.write(b'x')\nprint(sum(a), max(a))",
    "/dev/stdin": "lines=open('/dev/stdin').read().split('\\n'); $ANSWER",
    "/proc/self/fd/0": "lines=open('/proc/self/fd/0').read().split('\\n'); $ANSWER",
    "/dev/fd/0": "lines=open('/dev/fd/0').read().split('\\n'); $ANSWER",
    "/dev/stdout": "$READ;import sys\na=list(map(int,lines[1].split()))\nwith open('/dev/stdout','w') as f: print(sum(a),max(a),file=f)",
    "/dev/stdout appended": "$READ;import sys\na=list(map(int,lines[1].split()))\nprint(sum(a),end=' ',flush=True)\nwith open('/dev/stdout','a') as f: print(max(a),file=f)",
    "/dev/stderr": "import sys\n$READ\nsys.stderr=open('/dev/stderr','w'); print('x',file=sys.stderr)\n$ANSWER",
    "stdin opened by path": "import sys\nsys.stdin=open('/dev/stdin')\ninput()\na=list(map(int,input().split()))\nprint(sum(a),max(a))",
    "pathlib": "from pathlib import Path\nlines=Path('/dev/stdin').read_text().split('\\n'); $ANSWER",
    "os.open of /dev/stdin": "import os\nfd=os.open('/dev/stdin',os.O_RDONLY)\nlines=os.read(fd,1000).decode().split('\\n'); $ANSWER",
    "stdin readline eof": "import sys\nlines=[]\nwhile True:\n    l=sys.stdin.readline()\n    if not l: break\n    lines.append(l)\n$ANSWER",
    "eof": "lines=[]\nwhile 1:\n    try: lines.append(input())\n    except EOFError: break\n$ANSWER",
    "twice": "import sys\nlines=sys.stdin.read().split('\\n')\nassert sys.stdin.read()==''\n$ANSWER",
    "seek": "import sys\nsys.stdin.read(); sys.stdin.seek(0)\nlines=sys.stdin.read().split('\\n')\n$ANSWER",
    "fileinput": "import fileinput\nlines=[l for l in fileinput.input()]\n$ANSWER",
    "reconf": "import sys\nsys.stdin.reconfigure(encoding='utf-8');sys.stdout.reconfigure(line_buffering=True)\nlines=sys.stdin.read().split('\\n')\n$ANSWER",
    "deep": "import sys\nsys.setrecursionlimit(10**6)\n$READ\ndef f(n): return 0 if n==0 else 1+f(n-1)\nf(100000)\n$ANSWER",
    "deepthread": "import sys,threading\nsys.setrecursionlimit(10**6)\nthreading.stack_size(2**27)\ndef f(n): return 0 if n==0 else 1+f(n-1)\ndef main():\n    f(100000)\n    $READ\n    $ANSWER\nt=threading.Thread(target=main);t.start();t.join()",
    "rlimit stack": "import sys,resource\nresource.setrlimit(resource.RLIMIT_STACK,(resource.RLIM_INFINITY,resource.RLIM_INFINITY))\n$READ\n$ANSWER",
    "mpcount": "import multiprocessing,os\nmultiprocessing.cpu_count(); os.cpu_count()\n$READ\n$ANSWER",
    "alarm": "import signal\nsignal.signal(signal.SIGALRM, lambda *a: None)\nsignal.alarm(5)\n$READ\n$ANSWER\nsignal.alarm(0)",
    "locale": "import locale\nlocale.setlocale(locale.LC_ALL,'')\n$READ\n$ANSWER",
    "exit 2": "$READ\n$ANSWER\nexit(0)",
    "sysexit in finally": "import sys\n$READ\ntry:\n    $ANSWER\nfinally: sys.exit()",
    "write": "import sys\nw=sys.stdout.write\n$READ\na=list(map(int,lines[1].split())); w(str(sum(a))); w(' '); w(str(max(a)))",
    "stringio": "import io,sys,os,atexit\nsys.stdout=io.StringIO()\natexit.register(lambda: os.write(1,sys.stdout.getvalue().encode()))\n$READ\n$ANSWER",
    "bytesio": "import io,os,sys\ninput=io.BytesIO(os.read(0,os.fstat(0).st_size)).readline\ninput()\na=list(map(int,input().split()));print(sum(a),max(a))",
    "mmap": "import mmap\nm=mmap.mmap(0,0,access=mmap.ACCESS_READ)\nlines=m[:].decode().split('\\n')\n$ANSWER",
    "select": "import select,sys\nselect.select([sys.stdin],[],[],0)\n$READ\n$ANSWER",
    "isatty": "import sys\nassert not sys.stdin.isatty()\n$READ\n$ANSWER",
    "tryinputw": "import sys\ntry: sys.stdin=open('input.txt'); sys.stdout=open('output.txt','w')\nexcept: pass\nlines=sys.stdin.read().split('\\n')\n$ANSWER",
    "environ": "import os\nif os.environ.get('LOCAL'): 1/0\nos.environ['HOME'] if 'HOME' in os.environ else None\n$READ\n$ANSWER",
    "expanduser": "import os\nos.path.expanduser('~')\n$READ\n$ANSWER",
    "uuid": "import uuid,secrets,hashlib\nuuid.uuid4(); secrets.token_hex(3); hashlib.sha256(b'x').hexdigest()\n$READ\n$ANSWER",
    "time": "import time,datetime\ntime.sleep(0.01); datetime.datetime.now(); time.perf_counter(); time.localtime(); time.strftime('%Y')\n$READ\n$ANSWER",
    "zoneinfo": "import zoneinfo\nzoneinfo.ZoneInfo('Europe/Berlin')\n$READ\n$ANSWER",
    "sqlite": "import sqlite3\nc=sqlite3.connect(':memory:'); c.execute('create table t(x)')\n$READ\n$ANSWER",
    "ctypes": "import ctypes\nctypes.c_int(3); ctypes.CDLL(None)\n$READ\n$ANSWER",
    "asyncio stdin": "import asyncio,sys\nasync def main():\n    loop=asyncio.get_running_loop()\n    lines=(await loop.run_in_executor(None,sys.stdin.read)).split('\\n')\n    $ANSWER\nasyncio.run(main())",
    "uvloopless": "import asyncio\nasync def g(x):\n    await asyncio.sleep(0.001)\n    return x\nasync def main():\n    async with asyncio.TaskGroup() as t: t.create_task(g(1))\n    $READ\n    $ANSWER\nasyncio.run(main())",
    "cached recursion": "from functools import cache\nimport sys\nsys.setrecursionlimit(10**6)\n@cache\ndef f(n): return 0 if n==0 else 1+f(n-1)\nf(400)\n$READ\n$ANSWER",
    "inspect": "import inspect\ndef f(): pass\ntry: inspect.getsource(f)\nexcept OSError: pass\n$READ\n$ANSWER",
    "__file__": "import os\nos.path.dirname(os.path.abspath(__file__))\n$READ\n$ANSWER",
    "argv": "import sys\nassert len(sys.argv)==1\n$READ\n$ANSWER",
    "import main": "import __main__\nassert __main__.__name__=='__main__'\n$READ\n$ANSWER",
    "pickle": "import pickle\nclass A: pass\npickle.loads(pickle.dumps(A()))\n$READ\n$ANSWER",
    "del exit": "class A:\n    def __del__(self): print('101 41' if self.n==4 else '15 9')\na=A(); a.n=int(input())",
    "del global err": "class A:\n    def __del__(self): raise ValueError\na=A()\n$READ\n$ANSWER",
    "atexit err": "import atexit\natexit.register(lambda: 1/0)\n$READ\n$ANSWER",
    "weakref finalize": "import weakref\nclass A: pass\na=A()\n$READ\nv=list(map(int,lines[1].split()))\nweakref.finalize(a,lambda: print(sum(v),max(v)))",
    "builtin print override": "import sys\ndef print(*a): sys.stdout.write(' '.join(map(str,a))+'\\n')\n$READ\n$ANSWER",
    "stdout closed": "import sys\n$READ\n$ANSWER\nsys.stdout.close()",
    "os.close1": "import sys,os\n$READ\n$ANSWER\nsys.stdout.flush(); os.close(1)",
    "os.dup": "import sys,os\n$READ\nos.dup2(1,2)\nf=os.fdopen(os.dup(1),'w')\na=list(map(int,lines[1].split()));print(sum(a),max(a),file=f); f.close()",
    "redirect": "import contextlib,io\n$READ\nf=io.StringIO()\nwith contextlib.redirect_stdout(f): $ANSWER\nprint(f.getvalue())",
    "subprocess try": "import subprocess\ntry: subprocess.run(['ls'])\nexcept OSError: pass\n$READ\n$ANSWER",
    "os.system": "import os\nos.system('clear')\n$READ\n$ANSWER",
    "socket": "import socket\nsocket.gethostname()\n$READ\n$ANSWER",
    "getpass": "import getpass\ntry: getpass.getuser()\nexcept Exception: pass\n$READ\n$ANSWER",
    "big mem": "x=[0]*(5*10**7)\n$READ\n$ANSWER",
    "turtle": "try:\n  import tkinter\nexcept ImportError: pass\n$READ\n$ANSWER",
    "shelve tmp": "import tempfile,os\nwith tempfile.NamedTemporaryFile('w+') as f:\n  f.write('x'); f.flush(); assert open(f.name).read()=='x'\n$READ\n$ANSWER",
    "readlines hint": "import sys\nlines=sys.stdin.readlines(10**6)\n$ANSWER",
    "buffer.readline": "import sys\ninput=sys.stdin.buffer.readline\nn=int(input()); a=[*map(int,input().split())];print(sum(a),max(a))",
    "stdin.detach": "import sys,io\nb=sys.stdin.detach()\nlines=b.read().decode().split('\\n')\n$ANSWER",
    "stdout.detach": "import sys,io\nsys.stdout=io.TextIOWrapper(sys.stdout.detach(),encoding='utf-8',write_through=True)\n$READ\n$ANSWER",
    "codecs": "import sys,codecs\nsys.stdout=codecs.getwriter('utf-8')(sys.stdout.buffer)\n$READ\n$ANSWER",
    "resource": "import resource\nresource.getrusage(resource.RUSAGE_SELF); resource.getrlimit(resource.RLIMIT_STACK)\n$READ\n$ANSWER",
    "rlimit same": "import resource\ns,h=resource.getrlimit(resource.RLIMIT_STACK)\nresource.setrlimit(resource.RLIMIT_STACK,(s,h))\n$READ\n$ANSWER",
    "thread recursion join none": "import threading,sys\nsys.setrecursionlimit(10**9)\nthreading.stack_size(10**8)\ndef main():\n    $READ\n    $ANSWER\nthreading.Thread(target=main).start()",
    "threading.Timer": "import threading\n$READ\na=list(map(int,lines[1].split()))\nthreading.Timer(0.01,lambda: print(sum(a),max(a))).start()",
    "return top": "$READ\nif __name__=='__main__':\n  $ANSWER",
    "prompt": "import sys\nsys.stderr.write('n? ')\n$READ\n$ANSWER",
    "interrupt": "import signal\nsignal.signal(signal.SIGINT,signal.SIG_DFL)\nsignal.signal(signal.SIGPIPE,signal.SIG_DFL)\n$READ\n$ANSWER",
    "raise_signal": "import signal\ngot=[]\nsignal.signal(signal.SIGUSR1,lambda *a: got.append(1))\nsignal.raise_signal(signal.SIGUSR1)\nassert got\n$READ\n$ANSWER",
    "os.kill self": "import signal,os\ngot=[]\nsignal.signal(signal.SIGUSR1,lambda *a: got.append(1))\nos.kill(os.getpid(),signal.SIGUSR1)\nassert got\n$READ\n$ANSWER",
    "faulthandler": "import faulthandler\nfaulthandler.enable()\n$READ\n$ANSWER",
    "setitimer": "import signal\nsignal.signal(signal.SIGALRM, lambda *a: None)\nsignal.setitimer(signal.ITIMER_REAL,0.01)\nimport time; time.sleep(0.02)\n$READ\n$ANSWER",
    "tracemalloc": "import tracemalloc\ntracemalloc.start()\n$READ\n$ANSWER",
    "class main": "class Main:\n    def __init__(self): self.$READ\n    def run(self):\n        lines=self.lines;$ANSWER\nMain().run()",
    "site": "import sys\nhelp, license, credits, copyright, exit, quit\n$READ\n$ANSWER",
    "ThreadPool": "from multiprocessing.pool import ThreadPool\n$READ\nwith ThreadPool(3) as pool: a = pool.map(int, lines[1].split())\nprint(sum(a), max(a))",
    "multiprocessing.dummy": "from multiprocessing.dummy import Pool, Lock, Queue\n$READ\npool = Pool(3)\na = list(pool.imap(int, lines[1].split()))\npool.close(); pool.join()\nq = Queue(); q.put(sum(a))\nwith Lock(): print(q.get(), max(a))",
    "multiprocessing locks": "import multiprocessing as mp, threading\n$READ\nlock, r, s, e, q = mp.Lock(), mp.RLock(), mp.BoundedSemaphore(1), mp.Event(), mp.Queue()\na = []\ndef work(x):\n    with lock, r, r, s: a.append(int(x)); q.put(x)\n    e.set()\nthreads = [threading.Thread(target=work, args=(x,)) for x in lines[1].split()]\n[t.start() for t in threads]; e.wait(); [t.join() for t in threads]\nassert lock.acquire(False) and not lock.acquire(timeout=0.01)\ntry: s.release(); assert False\nexcept ValueError: pass\nassert sorted(q.get() for _ in a) == sorted(map(str, a))\nprint(sum(a), max(a))",
    "processes or threads": "from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor\n$READ\ntry:\n    with ProcessPoolExecutor() as pool: a = list(pool.map(int, lines[1].split()))\nexcept PermissionError:\n    with ThreadPoolExecutor() as pool: a = list(pool.map(int, lines[1].split()))\nprint(sum(a), max(a))",
    "flock": "import fcntl, tempfile\n$READ\nfor kind in (fcntl.flock, fcntl.lockf): kind(1, fcntl.LOCK_EX); kind(1, fcntl.LOCK_UN)\n$ANSWER",
    "getsource": "import inspect\ndef f(x):\n    # a comment\n    return x\nclass A:\n    def g(self): return 1\nassert inspect.getsource(f) == 'def f(x):\\n    # a comment\\n    return x\\n'\nassert inspect.getsource(A).startswith('class A')\nassert inspect.getsource(A.g).strip() == 'def g(self): return 1'\n$READ\n$ANSWER",
    "open(__file__)": "from pathlib import Path\nimport os\nfor text in (open(__file__).read(), open(os.path.abspath(__file__), encoding='utf-8').read(), Path(__file__).read_text(), open(__file__, 'rb').read().decode()):\n    assert text.startswith('from pathlib') and text.endswith('max(a))'), text\nwith open(__file__) as f: assert next(f) == 'from pathlib import Path\\n'\n$READ\n$ANSWER",
    "no other file": "try: open('program.txt'); assert False\nexcept FileNotFoundError: pass\n$READ\n$ANSWER",
    "traceback": "import traceback\ntry: 1 / 0  # here\nexcept ZeroDivisionError: text = traceback.format_exc()\nassert '1 / 0  # here' in text, text\n$READ\n$ANSWER",
    "annot": "x: int = 3\nassert __annotations__=={'x':int}, __annotations__\n$READ\n$ANSWER",
    "doc": "'''doc'''\nassert __doc__=='doc'\n$READ\n$ANSWER",
}


@pytest.mark.parametrize("style", STYLES)
def test_an_honest_program_passes(judge, style):
    program = STYLES[style].replace("$READ", READ).replace("$ANSWER", ANSWER)
    execution = judge.submit(program.encode(), SUM).result()
    assert [test.verdict for test in execution.tests] == [Verdict.PASSED] * 2, execution


def test_numpy_can_be_imported_where_it_is_installed_and_nothing_else(judge):
    pytest.importorskip("numpy")
    program = "import numpy as np\ninput()\na = np.array(input().split(), dtype=np.int64)\nprint(a.sum(), a.max())"
    assert judge.submit(program.encode(), SUM).result().verdict is Verdict.PASSED
    assert judge.submit(b"import pytest", SUM).result().error.type == "ModuleNotFoundError"
    look = b"import numpy, os\nprint(sorted(os.listdir(os.path.dirname(os.path.dirname(numpy.__file__)))))"
    execution = judge.submit(look, SUM).result()
    assert execution.error is not None or execution.tests[0].actual == "['numpy', 'numpy.libs']\n"


IN_TEMPORARY = {
    "shutil": "import os, shutil\nopen('a.txt', 'w').write('x'); os.chmod('a.txt', 0o600)\nshutil.copy('a.txt', 'b.txt'); shutil.copy2('a.txt', 'c.txt')\nassert os.stat('b.txt').st_mode & 0o777 == 0o600\nassert os.stat('c.txt').st_mtime == os.stat('a.txt').st_mtime\nos.makedirs('d/e'); shutil.move('b.txt', 'd/e'); shutil.copytree('d', 'f'); shutil.rmtree('d')\nassert os.listdir('f/e') == ['b.txt']\nos.utime('a.txt', (1, 2)); assert os.stat('a.txt').st_mtime == 2",
    "sqlite in a file": "import sqlite3\nc = sqlite3.connect('x.db'); c.execute('create table t(x)'); c.execute('insert into t values (3)'); c.commit()\nassert sqlite3.connect('x.db').execute('select x from t').fetchall() == [(3,)]",
    "its own file written": "open('program.py', 'w').write('other')\nassert open(__file__).read() == 'other'",
    "temporary files": "import tempfile, os\nwith tempfile.TemporaryDirectory() as d, tempfile.TemporaryFile() as f, tempfile.NamedTemporaryFile(dir=d) as n, tempfile.SpooledTemporaryFile(1) as s:\n    f.write(b'x'); n.write(b'y'); s.write(b'zz'); n.flush(); assert os.listdir(d)",
    "shelve": "import shelve, dbm.dumb\nwith shelve.open('s') as s: s['a'] = [1]\nwith shelve.open('s') as s: assert s['a'] == [1]",
}


@pytest.mark.parametrize("style", IN_TEMPORARY)
def test_an_honest_program_uses_the_temporary_directory(judge, style):
    if judge.isolation.level < 3:
        pytest.skip("there is a directory to write to at level 3 only")
    program = f"{IN_TEMPORARY[style]}\n{READ}\n{ANSWER}"
    execution = judge.submit(program.encode(), SUM).result()
    assert [test.verdict for test in execution.tests] == [Verdict.PASSED] * 2, execution


EOF = [
    ("print(input())\nprint(input())", "EOFError", 2),
    (
        "import sys\nprint(sys.stdin.readline() + sys.stdin.readline() or 1 / 0)\nint(sys.stdin.readline())",
        "ValueError",
        3,
    ),
]


@pytest.mark.parametrize(("program", "kind", "line"), EOF)
def test_reading_past_the_end_is_an_ordinary_error(judge, program, kind, line):
    problem = parse_problem({"inputs": ["a"], "outputs": ["a\n"]})
    error = judge.submit(program.encode(), problem).result().error
    assert (error.type, error.span.line) == (kind, line)


REFUSED = {
    "subprocess": "import subprocess\nsubprocess.run(['ls'])",
    "multiprocessing": "import multiprocessing\nmultiprocessing.Process(target=print).start()",
    "os.fork": "import os\nos.fork()",
    "pool": "import multiprocessing\nmultiprocessing.Pool(2)",
    "executor": "from concurrent.futures import ProcessPoolExecutor\nProcessPoolExecutor(2).submit(int).result()",
    "manager": "import multiprocessing\nmultiprocessing.Manager()",
    "spawn": "import multiprocessing as mp\nmp.get_context('spawn').Process(target=print).start()",
    "chmod": "import os\nos.chmod(os.__file__, 0o777)",
    "times": "import os\nos.utime(os.__file__)",
    "socket": "import socket\nsocket.create_connection(('127.0.0.1', 80), 1)",
    "write": "open('/etc/left', 'w')",
    "kill": "import os\nos.kill(os.getppid(), 9)",
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_allowed_is_an_ordinary_error_with_a_place(judge, what):
    error = judge.submit(REFUSED[what].encode(), SUM).result().error
    assert error.type in ("PermissionError", "OSError", "FileNotFoundError")
    assert error.span.line == len(REFUSED[what].splitlines())


UNHEARD = {
    "a finaliser": ("class A:\n    def __del__(self): print(1 / 0)\na = A()", 2),
    "an exit handler": ("import atexit\natexit.register(lambda: print([][1]))", 2),
}


@pytest.mark.parametrize("what", UNHEARD)
def test_an_error_that_ends_no_program_is_told_where_the_answer_is_wrong(judge, what):
    program, line = UNHEARD[what]
    error = judge.submit(program.encode(), SUM).result().error
    assert error.span.line == line
    right = f"input(); a=[*map(int,input().split())]; print(sum(a),max(a))\n{program.replace('print(', '(')}"
    assert judge.submit(right.encode(), SUM).result().verdict is Verdict.PASSED


def test_large_outputs_and_unicode_pass(judge):
    text = "".join(f"{n} é€😀\n" for n in range(100_000))
    problem = parse_problem({"inputs": [text], "outputs": [text]})
    for program in (
        "import sys\nsys.stdout.write(sys.stdin.read())",
        "import sys\nfor l in sys.stdin: print(l, end='')",
    ):
        assert judge.submit(program.encode(), problem).result().verdict is Verdict.PASSED
