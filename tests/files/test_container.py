"""The file itself: read by others, refused when a single bit is not as it was, replaced whole or not at all."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from chainrule.errors import ModelFileError
from chainrule.files import atomic, container
from chainrule.files.container import FORMAT
from support.hostile import ENTRIES, HEADERS, META, TABLES, ZEROS, alone, entry, file, framed

safe_open = pytest.importorskip("safetensors").safe_open
numpy_files = pytest.importorskip("safetensors.numpy")
load_file, save_file = numpy_files.load_file, numpy_files.save_file

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc, and limits memory")


def refusal(path):
    with pytest.raises(ModelFileError) as caught:
        container.read(path)
    message = str(caught.value)
    assert "\n" not in message
    assert all(c.isprintable() for c in message.removeprefix(os.fspath(path)))
    return message


@pytest.fixture
def refused(tmp_path):
    def refused(content):
        (tmp_path / "f").write_bytes(content)
        return refusal(tmp_path / "f")

    return refused


@pytest.fixture
def small(tmp_path, rng):
    path = tmp_path / "small"
    container.write(path, {"about": '{"kind":"x"}'}, {"a": rng.normal(size=3), "b": np.array([True, False])})
    return path


# -- what is written comes back, here and elsewhere --------------------------------------------------------------------

DTYPES = [dtype for one in container.DTYPES.values() for dtype in {one, one.newbyteorder(">")}]


@given(
    st.lists(st.sampled_from(DTYPES).flatmap(lambda d: arrays_of.arrays(d, arrays_of.array_shapes(min_side=0)))),
    st.text(),
)
def test_arrays_and_texts_come_back_and_the_library_of_the_format_reads_the_same(tmp_path_factory, arrays, text):
    path = tmp_path_factory.mktemp("c") / "f"
    named = {f"{i} {text}": array for i, array in enumerate(arrays)}
    text = text.encode(errors="replace").decode()
    named = {name.encode(errors="replace").decode(): array for name, array in named.items()}
    container.write(path, {"t": text}, named)
    box, theirs = container.read(path), load_file(path)
    assert box.texts == {"t": text}
    with safe_open(path, "np") as opened:
        assert opened.metadata()["t"] == text
        assert opened.metadata()["chainrule_format"] == str(FORMAT)
    for name, array in named.items():
        ours = box.array(name)
        assert ours.dtype == array.dtype.newbyteorder("<")
        assert ours.flags.writeable
        assert ours.tobytes() == array.astype(array.dtype.newbyteorder("<")).tobytes() == theirs[name].tobytes()
        assert ours.shape == array.shape == theirs[name].shape
        with pytest.raises(KeyError):  # each is given out once
            box.array(name)


def test_every_array_begins_at_a_multiple_of_its_numbers(tmp_path, rng):
    arrays = {str(i): rng.integers(0, 2, 2 * i + 1).astype(dtype) for i, dtype in enumerate(container.DTYPES.values())}
    container.write(tmp_path / "f", {}, arrays)
    box = container.read(tmp_path / "f")
    places = {name: box.array(name).ctypes.data for name in arrays}
    assert all(places[name] % array.itemsize == 0 for name, array in arrays.items())
    assert min(places.values()) % 64 == 0


def test_arrays_in_a_row_are_one_vector(tmp_path):
    W, b = np.arange(6.0).reshape(2, 3), np.ones((2, 1))
    container.write(tmp_path / "f", {}, {"W": W, "b": b, "c": np.float32([1])})
    np.testing.assert_array_equal(container.read(tmp_path / "f").flat(["W", "b"], np.dtype("f8")), [*range(6), 1, 1])
    for names, dtype in ((["b", "W"], "f8"), (["b", "c"], "f8"), (["W", "b"], "f4")):
        with pytest.raises(ValueError, match="are not one vector"):
            container.read(tmp_path / "f").flat(names, np.dtype(dtype))


def test_a_large_file_is_mapped_and_what_is_written_to_an_array_does_not_reach_it(tmp_path):
    container.write(tmp_path / "f", {}, {"a": np.zeros(2**18), "b": np.zeros(3)})
    before = (tmp_path / "f").read_bytes()
    box = container.read(tmp_path / "f")
    a = box.array("a")
    a += 1
    b = box.unmapped().array("b")
    assert (tmp_path / "f").read_bytes() == before
    with open(tmp_path / "f", "r+b") as opened:  # as nobody should
        opened.seek(-8, os.SEEK_END)
        opened.write(np.float64(7).tobytes())
    assert b[2] == 0
    assert container.Container.unmapped(box).array  # a second time changes nothing


@LINUX
def test_thousands_of_small_files_keep_none_of_the_systems_open_files(small):
    before = len(os.listdir("/proc/self/fd"))
    kept = [container.read(small) for _ in range(2000)]
    assert len(os.listdir("/proc/self/fd")) == before
    assert len(kept) == 2000


# -- what is refused ---------------------------------------------------------------------------------------------------


def test_every_truncation_is_refused(small, refused):
    whole = small.read_bytes()
    for length in range(len(whole)):
        assert re.search("cut short|not a chainrule model|damaged", refused(whole[:length]))


def test_every_flipped_bit_is_refused(small, refused):
    whole = small.read_bytes()
    for place in range(len(whole)):
        for bit in range(8):
            assert refused(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])


def test_what_comes_after_the_end_is_refused(small, refused):
    for more in (b"\0", b" ", b"\0" * 64, small.read_bytes()):
        assert "damaged" in refused(small.read_bytes() + more)
    assert "do not fill it" in refused(file({}, b"\0" * 8))


def test_other_files_are_called_what_they_are(tmp_path, refused):
    assert refused(b"").endswith("not a chainrule model")
    assert refused(b"a,b\n1,2\n" * 10).endswith("not a chainrule model")
    np.savez(tmp_path / "z.npz", a=1)
    assert "zip archive" in refusal(tmp_path / "z.npz")
    save_file({"W": np.zeros(3)}, tmp_path / "s")
    assert "safetensors file of something else" in refusal(tmp_path / "s")
    save_file({"W": np.zeros(3)}, tmp_path / "s", {"chainrule_format": str(FORMAT)})
    assert "damaged" in refusal(tmp_path / "s")


@pytest.mark.parametrize(
    "version", [str(FORMAT + 1), "9" * 9, "²", "٣", "-1", "", "2.0", "\x1b[2J", "9" * 5000, "\ud800"]
)
def test_a_format_that_is_not_known_says_to_upgrade_or_that_it_is_damaged(refused, version):
    message = refused(file({}, texts={"chainrule_format": version}))
    assert "upgrade chainrule" in message or "damaged" in message


@pytest.mark.parametrize("length", [2**24, 2**40, 2**63, 2**64 - 1])
def test_a_header_that_is_longer_than_any_model_has_is_not_read(small, refused, length):
    assert f"a header of {length:,} bytes" in refused(length.to_bytes(8, "little") + small.read_bytes()[8:])


@pytest.mark.parametrize("name", ENTRIES)
def test_a_row_that_does_not_describe_an_array_is_refused(refused, name):
    assert "damaged" in refused(file({"a": ENTRIES[name]}, bytes(8)))


@pytest.mark.parametrize("name", TABLES)
def test_arrays_that_do_not_lie_one_after_another_are_refused(refused, name):
    rows, length = TABLES[name]
    assert "damaged" in refused(file(rows, bytes(length)))


def test_arrays_may_be_listed_in_any_order(tmp_path):
    (tmp_path / "f").write_bytes(file({"b": entry(offsets=[8, 16]), "a": entry()}, np.float64([1, 2]).tobytes()))
    assert container.read(tmp_path / "f").array("b") == [2]


def test_arrays_that_begin_where_the_kernel_could_not_read_them_are_refused(refused):
    for multiple in (1, 8, 32):
        content = file({"a": entry()}, bytes(8), multiple=multiple)
        if (len(content) - 8) % 64:
            assert "multiple of 64" in refused(content)


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_is_not_one_is_refused(refused, name):
    assert re.search("damaged|not a chainrule model", refused(framed(HEADERS[name], bytes(8))))


@pytest.mark.parametrize("bad", [b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\0"])
def test_a_header_that_is_not_utf_8_is_refused(refused, bad):
    assert "damaged" in refused(
        framed(b"{" + META.encode() + b',"' + bad + b'":' + json.dumps(entry()).encode() + b"}", bytes(8))
    )
    assert refused(framed(f"{{{META}}}".encode("utf-16-le")))


def test_the_checksum_is_looked_for_in_one_place_only(refused):
    twice = file({}, texts={"a": "x"}).replace(b'"a":"x"', ZEROS.replace(b"sha256", b"a") + b"")
    assert "damaged" in refused(twice)


@pytest.mark.parametrize("byte", [2, 255])
def test_a_boolean_of_another_byte_is_not_given_out(tmp_path, byte):
    (tmp_path / "f").write_bytes(file({"a": entry("BOOL", [3], [0, 3])}, bytes([0, 1, byte])))
    with pytest.raises(ValueError, match="neither 0 nor 1"):
        container.read(tmp_path / "f").array("a")


@LINUX
def test_what_is_no_file_is_refused_at_once(tmp_path):
    assert "is a folder" in refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "not a file" in refusal(tmp_path / "pipe")
    assert "not a file" in refusal("/dev/zero")
    os.symlink(tmp_path / "loop", tmp_path / "loop")
    assert "cannot be read" in refusal(tmp_path / "loop")
    assert refusal(tmp_path / "nothing").endswith("no such file")
    assert "cannot be read" in refusal(tmp_path / "small" / "x") or "no such file" in refusal(tmp_path / "small" / "x")
    assert refusal("/proc/self/maps")  # a file without a size
    if os.geteuid():
        (tmp_path / "secret").write_bytes(b"x")
        (tmp_path / "secret").chmod(0)
        assert "Permission denied" in refusal(tmp_path / "secret")


@LINUX
@pytest.mark.parametrize("form", ["lists", "rows", "dicts"])
def test_the_largest_header_takes_bounded_memory_and_time(tmp_path, form):
    room = container._LARGEST_HEADER - 1000
    if form == "rows":
        rows = "".join(f'"{i:x}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}},' for i in range(room // 60))
        content = file(rows[:-1])
    else:
        unit = {"lists": "[],", "dicts": '{"":0},'}[form]
        content = framed(f'{{{META},"a":[{unit * (room // len(unit))}0]}}', b"")
    (tmp_path / "f").write_bytes(content)
    done = alone(
        """
try:
    container.read(sys.argv[1])
except container.ModelFileError as error:
    print("refused", error)
""",
        tmp_path / "f",
        memory=500 << 20,
    )
    assert done.returncode == 0, done.stderr[-500:]
    assert (form == "rows") == ("refused" not in done.stdout)


# -- writing -----------------------------------------------------------------------------------------------------------


def write(path, value, size=200_000):
    container.write(path, {"t": str(value)}, {"a": np.full(size, float(value))})


def held(path):
    """The value of a file, which is whole."""
    box = container.read(path)
    array = box.array("a")
    assert (array == array[0]).all()
    assert box.texts["t"] == str(int(array[0]))
    return int(array[0])


def broken(name, error):
    def fail(*_, **__):
        raise error

    return fail


@pytest.mark.parametrize("where", ["open", "write", "seek", "fsync", "replace", "folder"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["full", "Ctrl-C"])
def test_a_crash_anywhere_leaves_the_old_file_or_the_new_one_and_nothing_beside_it(tmp_path, monkeypatch, where, error):
    path = tmp_path / "f"
    write(path, 1)
    if where in ("fsync", "replace"):
        monkeypatch.setattr(os, where, broken(where, error))
    elif where == "folder":
        monkeypatch.setattr(atomic, "_sync_folder", broken(where, error))
    else:
        opened = open

        def opening(file, mode="r", *rest, **more):
            if where == "open" and mode == "xb":
                raise error
            made = opened(file, mode, *rest, **more)
            if mode == "xb":

                class Broken:
                    count = 0

                    def __getattr__(self, name):
                        return getattr(made, name)

                    def __enter__(self):
                        return self

                    def __exit__(self, *_):
                        made.close()

                    def write(self, data):
                        Broken.count += 1
                        if where == "write" and Broken.count == 2:
                            made.write(data[: len(data) // 2])
                            raise error
                        return made.write(data)

                    def seek(self, *to):
                        raise error

                return Broken()
            return made

        monkeypatch.setattr("builtins.open", opening)
    expected = ModelFileError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected, match="cannot be written: No space" if expected is ModelFileError else None):
        write(path, 2)
    monkeypatch.undo()
    assert held(path) == (2 if where == "folder" else 1)
    assert os.listdir(tmp_path) == ["f"]


@LINUX
def test_a_killed_writer_leaves_a_whole_file_and_the_next_one_cleans_up(tmp_path):
    path = tmp_path / "f"
    write(path, 0)
    code = """
import itertools
for i in itertools.count(1):
    container.write(sys.argv[1], {"t": str(i)}, {"a": np.full(200_000, float(i))})
    print(i, flush=True)
"""
    rng, last = np.random.default_rng(0), 0
    program = "import sys, numpy as np\nfrom chainrule.files import container\n" + code
    for kills in range(1, 41):
        with subprocess.Popen([sys.executable, "-c", program, path], stdout=subprocess.PIPE) as writer:
            writer.stdout.readline()
            time.sleep(rng.uniform(0, 0.03))
            writer.send_signal(signal.SIGKILL)
            done = [1, *map(int, writer.stdout.read().split())]
        assert held(path) in (done[-1], done[-1] + 1)  # never less than what the writer has reported
        last += len(os.listdir(tmp_path)) > 1
        if kills >= 8 and last:
            break
    assert last  # some were killed in the middle
    write(path, 5)
    assert os.listdir(tmp_path) == ["f"]


def test_what_living_writers_are_at_is_left_alone_and_so_are_the_files_of_others(tmp_path):
    host, own = atomic._host(), f"{os.getpid()}-{threading.get_ident()}"
    kept = [f".f.{host}-{own}-77.part", f".f.{host}-{os.getppid()}-1-1.part", ".f.part", ".f.x.part", ".f.9-9.part"]
    # The numbers of other hosts mean nothing here, and neither do such without a host, as earlier versions wrote them.
    kept += [".f.00000000-999999998-1-1.part", ".f.999999998-1-1.part", f".g.{host}-999999998-1-1.part", "f[1]"]
    old = [".f.00000000-999999998-1-2.part", f".f.{host}-{own}-78.part", ".f.999999998-1-2.part", ".f.old.part"]
    gone = [f".f.{host}-{os.getpid()}-1-1.part"]  # no such thread of this process
    if os.name == "posix":
        gone += [f".f.{host}-999999998-1-1.part"]  # no such process
    for name in (*kept, *old, *gone):
        (tmp_path / name).touch()
    for name in old:
        os.utime(tmp_path / name, (0, time.time() - 25 * 3600))
    write(tmp_path / "f", 1)
    write(tmp_path / "*", 1)  # no pattern, but a name
    assert sorted(os.listdir(tmp_path)) == sorted([*kept, ".f.old.part", "f", "*"])


@LINUX
def test_containers_that_share_a_folder_leave_each_others_files_alone(tmp_path):
    program = """
import os, sys, time
from chainrule.files.atomic import replacing
from pathlib import Path
for i in range(40):
    with replacing(sys.argv[1]) as file:
        file.write(b"x")
        time.sleep(0.01)
print(os.getpid())
"""
    own = [sys.executable, "-c", program, tmp_path / "f"]
    there = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", *own]
    try:
        with (
            subprocess.Popen(there, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as container,
            subprocess.Popen(own, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as host,
        ):
            (_, there_said), (_, here_said) = container.communicate(timeout=60), host.communicate(timeout=60)
    except OSError:
        pytest.skip("no unshare here")
    if there_said.startswith("unshare"):
        pytest.skip(f"no container can be made here: {there_said.splitlines()[0]}")
    assert not there_said
    assert not here_said
    assert os.listdir(tmp_path) == ["f"]


POSIX = pytest.mark.skipif(os.name != "posix", reason="has no modes")


@POSIX
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o400 | 0o200, 0o666])
def test_a_file_that_is_replaced_keeps_its_mode_and_meanwhile_nobody_else_reads_it(tmp_path, mode):
    path = tmp_path / "f"
    write(path, 1)
    path.chmod(mode)
    before = path.stat()
    with atomic.replacing(path) as file:
        file.write(b"x")
        assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == mode
    assert path.stat().st_ino != before.st_ino
    assert (path.stat().st_mode, path.stat().st_uid, path.stat().st_gid) == (
        before.st_mode,
        before.st_uid,
        before.st_gid,
    )


@POSIX
def test_a_new_file_gets_what_the_umask_leaves(tmp_path):
    for mask in (0o022, 0o077, 0o002):
        before = os.umask(mask)
        try:
            write(tmp_path / f"{mask}", 1)
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / f"{mask}").stat().st_mode) == 0o666 & ~mask


@POSIX
def test_the_owner_stays_and_where_the_group_cannot_no_other_group_gets_its_rights(tmp_path, monkeypatch):
    path, asked = tmp_path / "f", []
    write(path, 1)
    path.chmod(0o640)
    monkeypatch.setattr(os, "fchown", lambda file, *ids: asked.append(ids))
    write(path, 2)
    old = path.stat()
    assert asked == [(old.st_uid, old.st_gid)]
    assert stat.S_IMODE(old.st_mode) == 0o640
    monkeypatch.setattr(os, "fchown", broken("fchown", PermissionError(1, "Operation not permitted")))
    write(path, 3)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    monkeypatch.setattr(os, "fchmod", broken("fchmod", PermissionError(1, "Operation not permitted")))
    write(path, 4)  # of a file system without modes


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="has no modes, or may write everywhere")
def test_a_file_that_is_write_protected_is_not_replaced(tmp_path):
    path = tmp_path / "f"
    write(path, 1)
    path.chmod(0o444)
    with pytest.raises(ModelFileError, match="cannot be written: Permission denied"):
        write(path, 2)
    assert held(path) == 1
    assert os.listdir(tmp_path) == ["f"]


@POSIX
def test_pipes_and_devices_are_written_to_and_stay(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    seen = []
    reader = threading.Thread(target=lambda: seen.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    with atomic.replacing(tmp_path / "pipe") as file:
        file.write(b"x")
    reader.join(10)
    os.symlink(os.devnull, tmp_path / "null")
    with atomic.replacing(tmp_path / "null") as file:
        file.write(b"x")
    assert seen == [b"x"]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
    assert sorted(os.listdir(tmp_path)) == ["null", "pipe"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="has no /dev/full")
def test_errors_of_the_system_name_the_file_that_was_asked_for(tmp_path):
    with pytest.raises(OSError, match="No space left on device") as caught, atomic.replacing("/dev/full") as file:
        file.write(b"x")
    assert caught.value.filename == "/dev/full"
    with pytest.raises(FileNotFoundError) as caught, atomic.replacing(tmp_path / "nowhere" / "f"):
        pass
    assert str(caught.value) == f"[Errno 2] No such file or directory: {str(tmp_path / 'nowhere' / 'f')!r}"
    with pytest.raises(FileNotFoundError) as caught, atomic.replacing(tmp_path / "f"):
        os.stat(tmp_path / "another")
    assert caught.value.filename == os.fspath(tmp_path / "another")
    os.mkdir(tmp_path / "g")
    with pytest.raises(IsADirectoryError, match="g'"), atomic.replacing(tmp_path / "g"):
        pass
    assert os.listdir(tmp_path) == ["g"]


def test_names_may_be_as_long_as_the_system_lets_them(tmp_path):
    for name in ("f" * 255, "ü" * 127):
        write(tmp_path / name, 1)
        assert held(tmp_path / name) == 1
    assert len(os.listdir(tmp_path)) == 2


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="has no timer")
def test_a_storm_of_signals_leaves_the_old_file_or_the_new_one_and_nothing_beside_it(tmp_path, monkeypatch):
    # Python passes over what is raised while it frees an object; pytest would keep it, and be hit by the next signal.
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    path, rng, came, storm = tmp_path / "f", np.random.default_rng(0), 0, [False]

    def interrupt(*_):
        if storm[0]:
            raise KeyboardInterrupt

    path.write_bytes(b"0")
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for i in range(300):
            signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-5, 1e-3), 1e-4)
            storm[0] = True
            try:
                with atomic.replacing(path) as file:
                    file.write(b"%d" % i)
            except KeyboardInterrupt:
                storm[0] = False  # before anything is called
                came += 1
            storm[0] = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            assert os.listdir(tmp_path) == ["f"]
            assert int(path.read_bytes()) <= i
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert came > 20


def test_links_stay_links(tmp_path):
    (tmp_path / "there").mkdir()
    write(tmp_path / "there" / "f", 1)
    os.symlink(tmp_path / "there" / "f", tmp_path / "link")
    os.symlink(tmp_path / "there" / "new", tmp_path / "dangling")
    for name in ("link", "dangling"):
        write(tmp_path / name, 2)
        assert (tmp_path / name).is_symlink()
    assert held(tmp_path / "there" / "f") == held(tmp_path / "there" / "new") == 2


def test_threads_that_write_to_one_path_leave_one_whole_file(tmp_path):
    path, errors = tmp_path / "f", []

    def work(value):
        try:
            for _ in range(10):
                write(path, value)
                held(path)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(value,)) for value in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert held(path) in range(4)
    assert os.listdir(tmp_path) == ["f"]


def test_a_signal_handler_may_write_the_file_that_is_being_written(tmp_path, monkeypatch):
    path, replace = tmp_path / "f", os.replace

    def interrupted(source, target):
        monkeypatch.setattr(os, "replace", replace)
        write(path, 2)
        replace(source, target)

    monkeypatch.setattr(os, "replace", interrupted)
    write(path, 1)
    assert held(path) == 1
    assert os.listdir(tmp_path) == ["f"]


def test_arrays_that_change_while_they_are_written_give_a_file_that_is_whole(tmp_path):
    array, stop = np.zeros(400_000), threading.Event()

    def train():
        while not stop.is_set():
            array.__iadd__(1)

    thread = threading.Thread(target=train)
    thread.start()
    try:
        for _ in range(5):
            container.write(tmp_path / "f", {}, {"a": array})
            assert container.read(tmp_path / "f").array("a").shape == array.shape
    finally:
        stop.set()
        thread.join()


@LINUX
def test_a_file_that_may_not_grow_says_so_and_the_old_one_stays(tmp_path):
    path = tmp_path / "f"
    write(path, 1)
    done = alone(
        """
import resource
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))
try:
    container.write(sys.argv[1], {"t": "2"}, {"a": np.full(200_000, 2.0)})
except container.ModelFileError as error:
    print(error)
""",
        path,
    )
    assert "cannot be written: File too large" in done.stdout
    assert held(path) == 1
    assert os.listdir(tmp_path) == ["f"]


@LINUX
def test_a_full_disk_and_a_read_only_one_are_named_and_the_old_file_stays(tmp_path):
    program = """
import os, sys, subprocess, numpy as np
from chainrule.files import container
path = os.path.join(sys.argv[1], "f")
def save(value):
    try:
        container.write(path, {"t": str(value)}, {"a": np.full(60_000, float(value))})
    except container.ModelFileError as error:
        print(error)
    box = container.read(path)
    print(box.texts["t"], box.array("a")[-1], os.listdir(sys.argv[1]))
save(1)
save(2)
subprocess.run(["mount", "-o", "remount,ro", sys.argv[1]], check=True)
save(3)
"""
    command = 'mount -t tmpfs -o size=700k none "$1" && exec "$0" -c "$2" "$1"'
    try:
        done = subprocess.run(
            ["unshare", "-rm", "sh", "-c", command, sys.executable, tmp_path, program], capture_output=True, text=True
        )
    except OSError:
        pytest.skip("no unshare here")
    if "mount" in done.stderr or "unshare" in done.stderr:
        pytest.skip(f"no small disk can be made here: {done.stderr.splitlines()[0]}")
    first, full, second, read_only, third = done.stdout.splitlines()
    assert first == second == third == "1 1.0 ['f']"
    assert full.endswith("f: cannot be written: No space left on device")
    assert read_only.endswith("f: cannot be written: Read-only file system")


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ModelFileError, match="cannot be written: No such file or directory"):
        write(tmp_path / "nowhere" / "f", 1)
    with pytest.raises(ModelFileError, match="cannot be written: "):
        write(tmp_path, 1)
    assert not list(tmp_path.iterdir())


def test_more_texts_than_are_read_are_not_written(tmp_path):
    with pytest.raises(ModelFileError, match="too many categories, words or names"):
        container.write(tmp_path / "f", {"t": "x" * container._LARGEST_HEADER}, {})
    assert not list(tmp_path.iterdir())
