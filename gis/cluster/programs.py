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
    """Find the newest installed PostgreSQL with PostGIS, or exactly ``version``, in Debian's directories.

    Returns the major version and the directory of its programs. Raises ``Unavailable`` with the packages to install.
    """
    installed = {
        int(programs.parent.name): programs
        for programs in Path("/usr/lib/postgresql").glob("[0-9]*/bin")
        if (programs / "initdb").exists()
        and Path("/usr/share/postgresql", programs.parent.name, "extension/postgis.control").exists()
    }
    suitable = [number for number in installed if (number == version if version else number >= MIN_VERSION)]
    if suitable:
        return max(suitable), installed[max(suitable)]
    missing = f"postgresql-{version} postgresql-{version}-postgis-3" if version else "postgresql postgresql-postgis"
    raise Unavailable(
        Text(
            f"Chưa có PostgreSQL với PostGIS. Hãy chạy: sudo apt-get install {missing}",
            f"PostgreSQL with PostGIS is missing. Run: sudo apt-get install {missing}",
        )
    )


def run_as(user: pwd.struct_passwd, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run ``command`` as ``user``, or as the current user without root, with a clean environment.

    An interrupt takes effect only after the command has ended: a ``pg_ctl`` killed half-way leaves a server that has
    not written its process id yet, and so would not be stopped.
    """
    root = os.geteuid() == 0
    # Python handles signals in the main thread, so the command runs in another one, whose end the executor awaits.
    # Signals are blocked while that thread starts, because the executor would not wait for a thread it does not know
    # yet. The thread and the command inherit the blocked signals; PostgreSQL's server sets its own mask.
    previous_mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with ThreadPoolExecutor(1) as executor:
        try:
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
            future = executor.submit(
                subprocess.run,
                command,
                check=False,
                cwd="/",
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                start_new_session=True,  # keeps Ctrl-C at the terminal from the command
                user=user.pw_uid if root else None,
                group=user.pw_gid if root else None,
                extra_groups=os.getgrouplist(user.pw_name, user.pw_gid) if root else None,
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, previous_mask)
        return future.result()


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until a condition holds, at most so many seconds; returns whether it does."""
    deadline = time.monotonic() + seconds
    while not (holds := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return holds
