"""Objects in stores, such as ``s3://bucket/a.wav``: paths of them, through fsspec.

The bytes are read from a local copy that is fetched whole, and written by one upload of a finished file: an
object appears whole or not at all. Nothing about objects is cached, as other machines write them, too.
"""

import errno
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path, PosixPath
from typing import IO, Any, Self

from convt_cli.errors import Failure, Misuse

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://(.*)", re.DOTALL)
_MAGIC = re.compile(r"[*?\[]")
# Schemes whose part before an @ names a container, and not a user.
_WITH_CONTAINERS = {"abfs", "abfss", "wasb", "wasbs"}
_REFUSING = {"s3", "s3a", "gs", "gcs"}  # whose uploads can be refused if the object exists
_OBJECT_STORES = _REFUSING | {"az", "abfs", "abfss"}  # which need no folders
_READ_ONLY = {
    "hf": "each upload to it would be a commit",
    "http": "web servers take no uploads",
    "https": "web servers take no uploads",
}
_PACKAGES = {
    **dict.fromkeys(("s3", "s3a"), "s3fs"),
    **dict.fromkeys(("gs", "gcs"), "gcsfs"),
    **dict.fromkeys(("az", "abfs", "abfss"), "adlfs"),
    **dict.fromkeys(("http", "https"), "aiohttp"),
    **dict.fromkeys(("sftp", "ssh"), "paramiko"),
    "hf": "huggingface_hub",
}
_PATIENCE = 10  # seconds to wait for the first answer of a store; later ones are tried again for longer
_TRIED = 1 << 20  # bytes of an object that is uploaded twice to see whether the store refuses that
_SECRETS = re.compile(r"(://)[^/@\s]*@|(?<=\w)\?[^\s'\")]+")  # passwords and signatures of URLs in a text


def parse_url(text: str) -> Path | None:
    """Return the path that a URL names, on this machine for ``file://``; None for what is no URL."""
    found = _URL.fullmatch(text)
    if not found:
        return None
    scheme, rest = found[1].lower(), found[2]
    if scheme == "file":
        from urllib.parse import unquote  # slow to import, as all that follows is seldom needed

        return Path(unquote(rest.removeprefix("localhost") if rest.startswith("localhost/") else rest))
    place, mark, query = rest.partition("?") if scheme.startswith("http") else (rest, "", "")
    # A path would lose empty folders, and divide a query at its slashes.
    if "//" in place.rstrip("/") or not place.strip("/"):
        raise Misuse(f"{without_secrets(text)}: must be SCHEME://BUCKET/NAME, without an empty folder name")
    return RemotePath(f"{scheme}://{place}{mark}{query.replace('/', '%2F')}")


def without_secrets(text: str) -> str:
    """Return a text without the passwords, and the signatures, of URLs in it."""
    return _SECRETS.sub(r"\1", text)


class RemotePath(PosixPath):
    """The path of an object or a folder in a store.

    As text it is the URL without ``user:password@`` and, of a web page, without ``?query``. Functions of
    the system refuse it, so that it is nowhere taken for a local name.
    """

    __slots__ = ()

    @property
    def scheme(self) -> str:
        """The scheme of the URL, such as ``s3``."""
        return self.parts[0].removesuffix(":")

    @property
    def url(self) -> str:
        """The URL with all that is needed to open it."""
        return f"{self.parts[0]}//{'/'.join(self.parts[1:])}"

    @property
    def name(self) -> str:
        """The last part of the path."""
        return super().name.partition("?")[0] if self._is_web else super().name

    @property
    def _is_web(self) -> bool:
        return self.scheme in ("http", "https")

    def check_writable(self) -> None:
        """Refuse an output in a store that convt only reads."""
        if self.scheme in _READ_ONLY:
            raise Misuse(
                f"{self}: {self.scheme}:// is read only, as {_READ_ONLY[self.scheme]}: name another output"
                " with -o or -d"
            )

    @property
    def has_secrets(self) -> bool:
        """Whether the URL has parts that are not shown."""
        return str(self) != self.url

    def __str__(self) -> str:
        if not self.parts or not self.parts[0].endswith(":"):  # relative to another
            return "/".join(self.parts)
        url = self.url.partition("?")[0] if self._is_web else self.url
        return url if self.scheme in _WITH_CONTAINERS else re.sub("://[^/@]*@", "://", url)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __fspath__(self) -> str:
        raise TypeError(f"{self}: is no local file")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RemotePath) and self.parts == other.parts

    def __hash__(self) -> int:
        return hash(self.parts)

    def absolute(self) -> Self:
        """Return the path: it begins at a store."""
        return self

    def is_symlink(self) -> bool:
        """Return False: stores have no links."""
        return False

    def exists(self, *, follow_symlinks: bool = True) -> bool:  # noqa: ARG002  # as pathlib calls it
        """Return whether there is such an object, in one request.

        Raises
        ------
        OSError
            The store does not say.
        """
        try:
            self.read_bytes(0, 1)
        except FileNotFoundError:
            return False
        return True

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:  # noqa: ARG002
        """Return whether there are objects below."""
        if self._is_web:
            return False
        with _errors_as_of_system(self):
            return bool(self._files.isdir(self._key))

    def open(self, mode: str = "r", *_: object, encoding: str | None = None, **more: Any) -> IO[Any]:  # type: ignore[override]  # fewer modes
        """Open a local copy of an object to read."""
        import tempfile

        copy = tempfile.TemporaryFile(mode.replace("r", "w+"), encoding=encoding, **more)  # noqa: SIM115
        try:
            self.fetch(Path(f"/dev/fd/{copy.fileno()}"))
            copy.seek(0)
        except BaseException:
            copy.close()
            raise
        return copy

    def read_bytes(self, start: int | None = None, end: int | None = None) -> bytes:
        """Return the bytes of an object, or those from one place to another."""
        with _errors_as_of_system(self):
            try:  # with a start, without which s3fs first asks for the size
                content: bytes = self._files.cat_file(self._key, start=start or 0, end=end)
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                return b""  # an empty object has no byte to start at
            return content

    def read_text(self, encoding: str | None = None, *_: object, **__: object) -> str:
        """Return the text of an object."""
        return self.read_bytes().decode(encoding or "utf-8")

    def write_bytes(self, data: Any) -> int:
        """Write an object, whole or not at all, in the place of an earlier one."""
        with _errors_as_of_system(self):
            self._make_folder()
            self._files.pipe_file(self._key, bytes(data))
        return len(data)

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove an object."""
        try:
            with _errors_as_of_system(self):
                self._files.rm_file(self._key)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def fetch(self, place: Path) -> None:
        """Copy an object to a file that exists."""
        with _errors_as_of_system(self):
            self._files.get_file(self._key, str(place))

    def put(self, content: Path, *, overwrite: bool) -> None:
        """Copy a file to an object, whole or not at all.

        Raises
        ------
        FileExistsError
            It exists, and is not to be replaced.
        """
        with _errors_as_of_system(self):
            if not overwrite and not self.refuses and self.exists():
                raise FileExistsError
            self._make_folder()
            self._put(content, overwrite=overwrite)
            size = content.stat().st_size
            if not (overwrite or self.store in _refusing) and size <= _TRIED:
                _refusing[self.store] = self._is_refused(content)

    @property
    def refuses(self) -> bool:
        """Whether the store is known to refuse an upload in the place of an object, if it is to be new."""
        return _refusing.get(self.store, False)

    def _put(self, content: Path, *, overwrite: bool) -> None:
        new = {} if overwrite or self.scheme not in _REFUSING else {"mode": "create"}
        try:
            self._files.put_file(str(content), self._key, **new)
        except OSError as error:
            if not new or error.errno != errno.ENOSYS:  # some stores know no such condition
                raise
            self._files.put_file(str(content), self._key)

    def _is_refused(self, content: Path) -> bool:
        """Return whether the store refuses a second upload of an object: some ignore the condition."""
        if self.scheme not in _REFUSING:
            return False
        try:
            self._put(content, overwrite=False)
        except FileExistsError:
            return True
        return False

    def _make_folder(self) -> None:
        if self.scheme not in _OBJECT_STORES:
            self._files.makedirs(self._files._parent(self._key), exist_ok=True)

    def iterdir(self) -> Iterator["RemotePath"]:  # type: ignore[override]  # Self, which it is
        """Yield the objects and folders in a folder; none if there is no folder."""
        for name in self.sizes():
            yield self / name

    def sizes(self) -> dict[str, int]:
        """Return the size of each object in a folder, and 0 for each folder, by name."""
        try:
            with _errors_as_of_system(self):
                found = self._files.ls(self._key, detail=True)
        except FileNotFoundError:
            return {}
        names = ((each["name"].rstrip("/").rpartition("/")[2], each) for each in found)
        return {name: each.get("size") or 0 for name, each in names if name}

    def walk_files(self) -> Iterator["RemotePath"]:
        """Yield all objects below a folder."""
        with _errors_as_of_system(self):
            found = self._files.find(self._key)
        for key in found:
            yield self / key.removeprefix(self._key).lstrip("/")

    def expanded(self) -> list["RemotePath"]:
        """Return the objects that match a pattern, or the path itself if it is none, or matches none."""
        if self._is_web or not _MAGIC.search(self.url):
            return [self]
        root = type(self)(f"{self.parts[0]}//{self.parts[1]}")
        with _errors_as_of_system(self):
            found = self._files.glob(self._key)
        return [root / key.removeprefix(root._key).lstrip("/") for key in sorted(found)] or [self]

    @property
    def store(self) -> tuple[int, tuple[str, ...]]:
        """The process and the store, as a key."""
        return os.getpid(), self.parts[:2]  # a fork needs a connection for itself

    @property
    def _key(self) -> str:
        return str(self._files._strip_protocol(self.url))

    @property
    def _files(self) -> Any:
        """The file system of fsspec; when it is used for the first time, wait for a sign of the store."""
        with _lock:
            files = _file_system(*self.store)
            if self.store not in _answered:
                _await(files, files._strip_protocol(self.url))
                _answered.add(self.store)
        return files


_lock = threading.RLock()
_answered = set[tuple[int, tuple[str, ...]]]()  # stores that have answered this process
_refusing = dict[tuple[int, tuple[str, ...]], bool]()


@lru_cache(maxsize=64)
def _file_system(_process: int, parts: tuple[str, ...]) -> Any:
    """Return the file system of a store; all threads of a process share it."""
    from fsspec.core import url_to_fs

    return url_to_fs(f"{parts[0]}//{'/'.join(parts[1:])}", use_listings_cache=False)[0]


def _await(files: Any, key: str) -> None:
    """Ask for something, so that a store that does not answer is noticed at once.

    Raises
    ------
    TimeoutError
        There is no answer.
    """
    if not getattr(files, "async_impl", False):
        return
    try:
        files.info(key, timeout=_PATIENCE)
    except (FileNotFoundError, PermissionError):
        pass  # which is an answer
    except TimeoutError:
        raise TimeoutError(
            errno.ETIMEDOUT, f"no answer within {_PATIENCE} s: is the server there?"
        ) from None


@contextmanager
def _errors_as_of_system(path: RemotePath) -> Iterator[None]:
    """Turn the errors of file systems and of their libraries into errors of the system, with a reason."""
    try:
        yield
    except Failure:
        raise
    except ImportError:
        package = _PACKAGES.get(path.scheme, "another package")
        raise Failure(f"{path}: needs {package}: pip install 'convt[remote]' {package}") from None
    except Exception as error:  # noqa: BLE001  # every library has its own
        raise _as_os_error(error, path) from None


def _as_os_error(error: Exception, path: RemotePath) -> OSError:
    name = str(path)
    if isinstance(error, FileExistsError):
        return FileExistsError(errno.EEXIST, "already exists", name)
    if isinstance(error, FileNotFoundError):
        kind = "bucket" if "bucket does not exist" in str(error) else "object"
        return FileNotFoundError(errno.ENOENT, f"there is no such {kind}", name)
    code = errno.EPROTO
    if not _is_answer(error):
        _answered.discard(path.store)  # the next operation waits only for a short time
        code = errno.EIO
    return OSError(getattr(error, "errno", None) or code, _reason(error), name)


def _is_answer(error: Exception) -> bool:
    """Return whether an error is the answer of a server, and not the lack of one."""
    known = (error, error.__cause__)
    return any(hasattr(each, name) for each in known for name in ("response", "status"))


def _reason(error: Exception) -> str:
    """Return the text of an error: in one line, and without passwords and signatures."""
    if hasattr(error, "status") and hasattr(error, "message"):  # aiohttp's, whose text has the whole URL
        return f"the server answers {error.status} {error.message}"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    text = " ".join(without_secrets(text or type(error).__name__).split())
    if isinstance(error, PermissionError):
        return f"permission denied: {text}"
    return text
