"""Makes spans and ends as its first argument says."""

import os
import signal
import sqlite3
import sys
import threading
import time
import traceback

database = sqlite3.connect(":memory:", check_same_thread=False)


def ask(number):
    return database.execute(f"select {number}").fetchone()


def end(how):
    if how == "exit_now":
        os._exit(3)
    elif how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == "terminated":
        os.kill(os.getpid(), signal.SIGTERM)
    elif how == "raises":
        database.execute("select * from missing")
    elif how == "exits":
        sys.exit("bye")
    elif how == "forks":
        for number in range(3):
            if os.fork() == 0:
                ask(2)
                os._exit(0)
        print(sorted(os.wait()[1] for _ in range(3)))
    elif how == "becomes":
        os.execv(sys.executable, [sys.executable, __file__, "plainly"])
    elif how == "late_thread":
        threading.Thread(target=lambda: (time.sleep(0.2), ask(3))).start()
    elif how == "closes_all":
        os.closerange(3, 4096)
        with open(sys.argv[2], "w") as foreign:
            os.dup2(foreign.fileno(), 480)
            print(ask(4), os.fstat(480).st_size)
    elif how == "locked_in":
        os.chdir(sys.argv[2])
        os.chroot(".")
        os.setgid(65534)
        os.setuid(65534)
        print(ask(5))
    elif how == "no_files":
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        print(ask(6))
    elif how == "prints":
        try:
            database.execute("select * from missing")
        except sqlite3.Error as error:
            traceback.print_exc()
            print(type(error.__traceback__.tb_frame).__name__, error.__traceback__.tb_next)
        print(type(database) is sqlite3.Connection, type(database), database.cursor().__class__, sys.path[1:])
        print([name for name in sys.modules if "sitecustomize" in name])


print(ask(1))
end(sys.argv[1])
print("the end")
