"""PostgreSQL's programs: where they are installed, and running them as the cluster's user."""

import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gis.text.errors import Unavailable
from gis.text.i18n import Text

MIN_VERSION = 15


def find_postgresql(version: int | None = None) -> tuple[int, Path]:
    """The newest installed PostgreSQL with PostGIS, or exactly ``version``: its number and its programs."""
    found = {
        int(programs.parent.name): programs
        for programs in Path("/usr/lib/postgresql").glob("[0-9]*/bin")
        if (programs / "initdb").exists()
        and Path("/usr/share/postgresql", programs.parent.name, "extension/postgis.control").exists()
    }
    fitting = [v for v in found if (v == version if version else v >= MIN_VERSION)]
    if fitting:
        return max(fitting), found[max(fitting)]
    missing = f"postgresql-{version} postgresql-{version}-postgis-3" if version else "postgresql postgresql-postgis"
    raise Unavailable(
        Text(
            f"Chưa có PostgreSQL với PostGIS. Hãy gõ: sudo apt-get install {missing}",
            f"PostgreSQL with PostGIS is missing. Type: sudo apt-get install {missing}",
        )
    )


def run_as(user: pwd.struct_passwd, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run ``command`` as ``user``, whom only root can become, without the caller's language and PG* variables.

    Somebody who interrupts us waits until it has ended: a ``pg_ctl`` that is killed half way leaves a server behind
    that has not yet said which process it is, and that nobody would stop.
    """
    root = os.geteuid() == 0
    # Signals interrupt the main thread alone, so another one runs the command to its end, come what may. Nor may one
    # come while that thread begins: the executor would not know it yet, and would not wait for it. The thread and
    # the command go on without hearing them; PostgreSQL's server chooses for itself what it hears.
    held_back = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with ThreadPoolExecutor(1) as aside:
        try:
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
            begun = aside.submit(
                subprocess.run,
                command,
                check=False,
                cwd="/",
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                start_new_session=True,  # Ctrl-C at the terminal is not for the command
                user=user.pw_uid if root else None,
                group=user.pw_gid if root else None,
                extra_groups=os.getgrouplist(user.pw_name, user.pw_gid) if root else None,
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held_back)
        return begun.result()


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return met
