import gzip
import os
import struct
import sys
import warnings
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from chainrule import datasets
from chainrule.readers import ReaderError, Table, common, read
from support.tables import shared


@pytest.fixture
def write(tmp_path):
    """Write text or bytes under a name, and give the path."""

    def write(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture
def savez(tmp_path):
    def savez(**arrays):
        path = tmp_path / "arrays.npz"
        np.savez(path, **arrays)
        return path

    return savez


@pytest.fixture
def save_h5(tmp_path):
    def save_h5(**arrays):
        path = tmp_path / "arrays.h5"
        with h5py.File(path, "w") as file:
            for key, value in arrays.items():
                file[key] = value
        return path

    return save_h5


@pytest.fixture
def draw(tmp_path):
    """Save an image of one color (or one from an array) and give the path."""

    def draw(name, color=(255, 0, 0), size=(5, 4), mode="RGB"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(color) if isinstance(color, np.ndarray) else Image.new(mode, size, color)
        image.save(path)
        return path

    return draw


def refusal(source, **options):
    """The message of the ReaderError, which is one line and hides the exception of the library."""
    with pytest.raises(ReaderError) as caught:
        read(source, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return message


def idx(array):
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
LABELS = np.array([7, 2], np.uint8)


# Text


@pytest.mark.parametrize(
    ("name", "sep"),
    [
        *[("t.csv", sep) for sep in ",;\t|"],
        *[("t.txt", sep) for sep in ",;\t|"],
        ("t.tsv", "\t"),
        ("T.CSV", ","),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_tables_are_read_whatever_the_delimiter(write, name, sep, zipped):
    text = "a,b,c\n1,2.5,x\n2,,y\n".replace(",", sep).encode()
    table = read(write(name + ".gz" * zipped, gzip.compress(text) if zipped else text))
    expected = pd.DataFrame({"a": [1, 2], "b": [2.5, np.nan], "c": ["x", "y"]})
    pd.testing.assert_frame_equal(table.X, expected)
    assert (table.y, table.target, table.image_shape) == (None, None, None)


def test_a_target_becomes_y_and_leaves_X(write):
    table = read(write("t.csv", "a,b,c\n1,2,x\n3,4,\n"), target="c")
    assert list(table.X.columns) == ["a", "b"]
    assert table.y.name == table.target == "c"
    assert table.y.isna().tolist() == [False, True], "rows without target stay"
    assert table.name == "t.csv"


def test_the_delimiter_is_the_one_of_the_header_not_of_the_prose(write):
    table = read(write("t.csv", 'id|said\n1|yes, no, maybe\n2|a, b, c; d\n3|"x|y", z\n'))
    assert list(table.X.columns) == ["id", "said"]


def test_one_column_needs_no_delimiter(write):
    assert read(write("t.csv", "a\n1\n2\n")).X["a"].tolist() == [1, 2]


def test_quoted_delimiters_and_line_ends_stay_inside_a_field(write):
    table = read(write("t.csv", 'a,"b, or\nnot b"\r\n"x, y",2\r\n"z\nw",3\r\n'))
    assert list(table.X.columns) == ["a", "b, or\nnot b"]
    assert table.X["a"].tolist() == ["x, y", "z\nw"]


@pytest.mark.parametrize("blank", ["", "   ", '""', '"  "', ' "" '])
def test_blank_fields_are_missing_and_the_column_stays_numeric(write, blank):
    column = read(write("t.csv", f"a,b\n{blank},1\n2,1\n")).X["a"]
    assert column.dtype == np.float64
    assert column.isna().tolist() == [True, False]


def test_spaces_around_names_and_before_values_do_not_count(write):
    table = read(write("t.csv", "a, b , c\n1, x, 2\n"), target="b")
    assert list(table.X.columns) == ["a", "c"]
    assert table.y.tolist() == ["x"]


def test_columns_without_a_name_are_kept(write):
    assert list(read(write("t.csv", ",a\n0,5\n1,6\n")).X.columns) == ["Unnamed: 0", "a"]


def test_decimal_commas_are_numbers_where_semicolons_delimit(write):
    table = read(write("t.csv", "a;b\n1,5;x\n-2,25;y\n"))
    assert table.X["a"].tolist() == [1.5, -2.25]


def test_decimal_points_keep_their_meaning_beside_semicolons(write):
    table = read(write("t.csv", "a;b\n1.5;1,2\n2.5;3\n"))
    assert table.X["a"].tolist() == [1.5, 2.5]
    assert table.X["b"].tolist() == ["1,2", "3"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_is_read_with_or_without_a_byte_order_mark(write, encoding):
    table = read(write("t.csv", "größe,b\nñ,1\n".encode(encoding)))
    assert list(table.X.columns) == ["größe", "b"]
    assert table.X["größe"].tolist() == ["ñ"]


def test_western_text_that_is_not_utf8_is_read_with_a_warning(write):
    path = write("t.csv", "größe,b\n5 €,1\n".encode("cp1252"))
    with pytest.warns(UserWarning, match=r"t\.csv: not UTF-8, read as Windows-1252"):
        table = read(path)
    assert table.X["größe"].tolist() == ["5 €"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "the file is empty"),
        ("\n \n\n", "the file is empty"),
        ("\ufeff", "the file is empty"),
        ("a,b\n", "no examples, got 0 rows of 2 columns"),
        ("a,b,a\n1,2,3\n", "several columns are called 'a'; rename"),
        ("a,b,a \n1,2,3\n", "several columns are called 'a'; rename"),
        ("a,b\n1,2\n3,4,5\n", "Expected 2 fields in line 3, saw 3"),
        ("a,b\n1,2,3\n4,5,6\n", "the first row has 3 fields, the header has 2"),
        ('a,b\n1,"2\n3,4\n', "EOF inside string"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "binary data (byte 0 at position 8)"),
        (b"\x80\x02\x93\xff\x05 junk", "binary data or an unknown encoding"),
        (b"\xff\xfea\0,\0b", "binary data or an unknown encoding"),
    ],
)
def test_bad_text_is_refused_in_one_line(write, content, words):
    message = refusal(write("t.csv", content))
    assert "t.csv: " in message
    assert words in message


@pytest.mark.parametrize(
    "content", [b"a,b\n1,2\n", gzip.compress(b"a,b\n" + b"1,2\n" * 99, mtime=0)[:-12], b"\x1f\x8b\x08", b""]
)
def test_gzip_that_cannot_be_unpacked_is_refused(write, content):
    assert "t.csv.gz: " in refusal(write("t.csv.gz", content))


def test_a_missing_target_names_close_matches_and_the_columns(write):
    message = refusal(write("t.csv", "Survived,Age,Fare\n1,2,3\n"), target="SURVIVE")
    assert message.endswith("no column 'SURVIVE'. Did you mean 'Survived'? Columns: 'Survived', 'Age', 'Fare'")


def test_a_long_list_of_columns_is_cut(write):
    header = ",".join(f"c{i}" for i in range(50))
    assert refusal(write("t.csv", f"{header}\n{header}\n"), target="zzz").endswith("'c19' and 30 more")


def test_a_target_that_is_the_only_column_is_refused(write):
    assert "'a' is the only column" in refusal(write("t.csv", "a\n1\n"), target="a")


def test_shared_tables():
    titanic = read(shared("titanic.csv"), target="Survived")
    assert titanic.X.shape == (891, 11)
    assert titanic.y.sum() == 342
    assert titanic.X["Age"].isna().sum() == 177
    assert read(shared("housing.csv"), target="median_house_value").X.shape == (20640, 9)
    assert read(str(shared("football.csv"))).X.shape == (411, 3)


# Parquet


def test_parquet_is_a_table(tmp_path):
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [0.5, 1.5]})
    frame.to_parquet(tmp_path / "t.parquet")
    table = read(tmp_path / "t.parquet", target="c")
    pd.testing.assert_frame_equal(table.X, frame[["a", "b"]], check_dtype=False)
    assert table.y.tolist() == [0.5, 1.5]


def test_parquet_keeps_a_named_index_as_a_column_and_drops_another(tmp_path):
    frame = pd.DataFrame({"a": [1, 2]}, index=[5, 6])
    frame.to_parquet(tmp_path / "t.parquet")
    frame.rename_axis("id").to_parquet(tmp_path / "named.parquet")
    assert list(read(tmp_path / "t.parquet").X.columns) == ["a"]
    assert list(read(tmp_path / "named.parquet").X.columns) == ["id", "a"]


def test_bad_parquet_is_refused(write, tmp_path):
    assert "not readable as Parquet" in refusal(write("t.parquet", b"PAR1 junk"))
    pd.DataFrame({"a": []}).to_parquet(tmp_path / "none.parquet")
    assert "no examples" in refusal(tmp_path / "none.parquet")
    pd.DataFrame({"abc": [1]}).to_parquet(tmp_path / "one.parquet")
    assert "Did you mean 'abc'?" in refusal(tmp_path / "one.parquet", target="abd")


# Arrays


@pytest.mark.parametrize(
    ("x", "y", "target"),
    [
        ("X", "y", "y"),
        ("x", "Y", "y"),
        ("data", "target", "target"),
        ("images", "label", "label"),
        ("X_train", "y_train", "y"),
        ("train_set_x", "train_set_y", "y"),
        ("x_test", "labels_test", "labels"),
    ],
)
@pytest.mark.parametrize("kind", ["npz", "h5"])
def test_arrays_are_found_by_their_usual_names(savez, save_h5, kind, x, y, target):
    save = savez if kind == "npz" else save_h5
    table = read(save(**{x: np.arange(6).reshape(3, 2), y: np.array([1, 0, 1])}))
    assert table.X.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert table.X.dtype == np.float32
    assert table.X.flags.c_contiguous
    assert table.y.tolist() == [1, 0, 1]
    assert table.target == target


def test_the_training_part_is_read_where_there_are_several(savez):
    path = savez(x_test=np.zeros((1, 2)), y_test=[0], x_train=np.ones((2, 2)), y_train=[1, 1])
    assert read(path).X.tolist() == [[1, 1], [1, 1]]
    assert read(path).y.tolist() == [1, 1]
    assert read(path, target="y_test").X.tolist() == [[0, 0]], "the target says which part"


def test_groups_in_h5_count_as_parts_of_the_name(tmp_path):
    with h5py.File(tmp_path / "t.hdf5", "w") as file:
        file["train/x"], file["train/y"] = np.ones((2, 3)), [0, 1]
        file["test/x"], file["test/y"] = np.zeros((1, 3)), [0]
    table = read(tmp_path / "t.hdf5")
    assert table.X.shape == (2, 3)
    assert table.target == "y"


def test_a_single_array_of_any_name_is_the_examples(savez):
    assert read(savez(arr_0=np.ones((2, 3)))).y is None
    table = read(savez(pixels=np.ones((2, 3)), y=[1, 2]))
    assert (table.X.shape, table.y.tolist()) == ((2, 3), [1, 2])


@pytest.mark.parametrize("save", ["savez", "save_h5"])
def test_target_names_the_array_to_predict(request, save):
    path = request.getfixturevalue(save)(X=np.ones((2, 3)), age=[30, 40], y=[0, 1])
    assert read(path).y.tolist() == [0, 1]
    assert read(path, target="y").y.tolist() == [0, 1]
    table = read(path, target="age")
    assert (table.y.tolist(), table.target) == ([30, 40], "age")


def test_a_part_is_not_paired_with_the_target_of_another(savez):
    path = savez(x_train=np.zeros((2, 2)), y_test=[0, 1])
    assert read(path).y is None
    assert "no array of examples" in refusal(path, target="y_test")


@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 3, 4, 1), (2, 3, 4, 3), (2, 3, 4, 4)])
def test_images_of_bytes_are_flattened_and_scaled(savez, save_h5, shape):
    X = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    for path in (savez(X=X), save_h5(X=X)):
        table = read(path)
        assert table.image_shape == (*shape, 1)[1:4]
        assert table.X.dtype == np.float32
        assert table.X.flags.c_contiguous
        np.testing.assert_array_equal(table.X, (X.reshape(2, -1) / 255).astype(np.float32))


def test_other_arrays_are_flattened_and_keep_their_scale(savez):
    table = read(savez(X=np.arange(24.0).reshape(2, 3, 4)))
    assert table.image_shape is None
    np.testing.assert_array_equal(table.X, np.arange(24).reshape(2, 12))
    assert read(savez(X=np.array([3, 4], np.uint8))).X.tolist() == [[3], [4]]


@pytest.mark.parametrize("y", [[[0], [2], [1]], [[0, 2, 1]], [[1, 0, 0], [0, 0, 1], [0, 1, 0]]])
def test_targets_in_columns_rows_and_one_hot_are_flat(savez, y):
    assert read(savez(X=np.ones((3, 2)), y=y)).y.tolist() == [0, 2, 1]


def test_names_of_classes_become_the_labels(savez, save_h5):
    X, y = np.ones((3, 2)), [1, 0, 1]
    assert read(savez(X=X, y=y, class_names=["no", "yes"])).y.tolist() == ["yes", "no", "yes"]
    assert read(save_h5(X=X, y=y, list_classes=np.array([b"no", b"yes"]))).y.tolist() == ["yes", "no", "yes"]
    assert read(save_h5(X=X, y=y, classes=["no", "yés"])).y.tolist() == ["yés", "no", "yés"]


def test_names_of_classes_that_do_not_fit_are_left_alone(save_h5):
    X, y = np.ones((2, 2)), [0, 2]
    assert read(save_h5(X=X, y=y, list_classes=np.array([b"a", b"b"]))).y.tolist() == [0, 2]
    assert read(save_h5(X=X, y=[0, 1], list_classes=np.array([b"\xff\xfe", b"b"]))).y.tolist() == [0, 1]


def test_text_labels_are_text(savez, save_h5):
    assert read(savez(X=np.ones((2, 2)), y=["a", "b"])).y.tolist() == ["a", "b"]
    assert read(save_h5(X=np.ones((2, 2)), y=[b"a", b"b"])).y.tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"X": [[1]], "data": [[1]]}, "several arrays could be the examples ('X', 'data')"),
        ({"a": [[1]], "b": [[1]]}, "several arrays could be the examples ('a', 'b'); call one 'X'"),
        ({"y": [1]}, "no array of examples; call one 'X' and the target 'y'. Keys: 'y'"),
        ({"X": [[1]], "y": [1], "labels": [1]}, "several arrays could be the target ('y', 'labels')"),
        ({"X": [[1], [2]], "y": [1]}, "'y' has shape (1,), wanted one value or one-hot row for each of 2"),
        ({"X": [[1], [2]], "y": [[1, 2], [3, 4]]}, "'y' has shape (2, 2)"),
        ({"X": [["a"]]}, "'X' holds <U1, wanted numbers"),
        ({"X": [[1j]]}, "'X' holds complex128, wanted numbers"),
        ({"X": [[1]], "y": [1j]}, "'y' holds complex128, wanted numbers or text"),
        ({"X": np.empty((0, 3))}, "'X' holds no examples, got shape (0, 3)"),
        ({"X": np.empty((3, 0))}, "'X' holds no examples, got shape (3, 0)"),
        ({"X": 5}, "'X' holds no examples, got shape ()"),
        ({"X": [[1e300]]}, "'X' holds values beyond float32"),
        ({"X": np.array([[{}]], dtype=object)}, "'X' holds Python objects, which nothing safe can read"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(savez, arrays, words):
    message = refusal(savez(**arrays))
    assert "arrays.npz: " in message
    assert words in message


def test_a_wrong_name_of_a_target_array_is_refused(savez):
    message = refusal(savez(X=[[1]], price=[1]), target="prize")
    assert "no array 'prize'. Did you mean 'price'? Keys: 'X', 'price'" in message


def test_damaged_archives_are_refused(write, savez, save_h5, tmp_path):
    assert "not an .npz archive" in refusal(write("t.npz", b"junk"))
    np.save(tmp_path / "t.npy", np.ones(3), allow_pickle=False)
    assert "not an .npz archive" in refusal((tmp_path / "t.npy").rename(tmp_path / "u.npz"))
    whole = savez(X=np.ones((99, 9))).read_bytes()
    assert "not an .npz archive" in refusal(write("t.npz", whole[:500]))
    assert "not readable as .npz" in refusal(write("t.npz", whole[:300] + b"xxxx" + whole[304:]))
    assert "not readable as HDF5" in refusal(write("t.h5", b"junk"))
    assert "not readable as HDF5" in refusal(write("t.h5", save_h5(X=np.ones((99, 9))).read_bytes()[:3000]))


def test_shared_cats():
    train, test = read(shared("train_catvnoncat.h5")), read(shared("test_catvnoncat.h5"), target="y")
    assert train.X.shape == (209, 12288)
    assert train.image_shape == test.image_shape == (64, 64, 3)
    assert train.target == test.target == "y"
    assert pd.Series(train.y).value_counts().to_dict() == {"non-cat": 137, "cat": 72}
    assert (test.y == "cat").sum() == 33
    assert 0 <= train.X.min() <= train.X.max() <= 1


# IDX


@pytest.mark.parametrize("images", ["t-images-idx3-ubyte", "t-images.idx3-ubyte", "t-images-idx3-ubyte.gz"])
@pytest.mark.parametrize("zip_labels", [False, True])
def test_idx_images_find_their_labels(write, images, zip_labels):
    labels = images.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1") + ".gz" * zip_labels
    write(labels, gzip.compress(idx(LABELS)) if zip_labels else idx(LABELS))
    path = write(images, gzip.compress(idx(IMAGES)) if images.endswith(".gz") else idx(IMAGES))
    for target in (None, "label"):
        table = read(path, target=target)
        np.testing.assert_array_equal(table.X, (IMAGES.reshape(2, 12) / 255).astype(np.float32))
        assert table.y.tolist() == [7, 2]
        assert (table.target, table.image_shape, table.name) == ("label", (3, 4, 1), images)


def test_idx_labels_may_be_elsewhere_or_nowhere(write):
    path = write("t-images-idx3-ubyte", idx(IMAGES))
    assert read(path).y is None
    assert "it comes without labels" in refusal(path, target="label")
    assert read(path, labels=write("other/l", idx(LABELS))).y.tolist() == [7, 2]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (idx(IMAGES)[:-1], "truncated or damaged, 23 bytes of data, wanted 24 for shape (2, 3, 4)"),
        (idx(IMAGES) + b"x", "truncated or damaged, 25 bytes"),
        (idx(IMAGES)[:9], "starts with '00000803'"),
        (b"", "starts with ''"),
        (idx(LABELS), "starts with '00000801', wanted IDX's '00000803'"),
        (b"\x93NUMPY junk and more", "starts with '934e554d'"),
        (bytes((0, 0, 8, 3)) + b"\xff" * 12, "truncated or damaged, 0 bytes"),
        (idx(IMAGES[:0]), "wanted 0 for shape (0, 3, 4)"),
    ],
)
def test_bad_idx_is_refused(write, content, words):
    assert words in refusal(write("t-images-idx3-ubyte", content))


def test_idx_labels_that_do_not_fit_are_refused(write):
    path = write("t-images-idx3-ubyte", idx(IMAGES))
    labels = write("t-labels-idx1-ubyte", idx(LABELS[:1]))
    assert "t-labels-idx1-ubyte: 1 labels for the 2 images of t-images-idx3-ubyte" in refusal(path)
    assert "no target 'digit'; its target is called 'label'" in refusal(path, target="digit")
    assert "not readable as a file" in refusal(path, labels=path.parent / "nowhere")
    assert "*-images-idx3-ubyte" in refusal(labels), "labels alone are no source"
    assert "labels goes with IDX images" in refusal("iris", labels=labels)


def test_shared_mnist():
    table = read(shared("t10k-images-idx3-ubyte.gz"))
    assert table.X.shape == (10000, 784)
    assert np.bincount(table.y).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


# Images


def test_a_folder_of_folders_has_the_folder_names_as_labels(draw, write, tmp_path):
    draw("pets/dog/2.png", (0, 0, 255))
    draw("pets/dog/1.JPG", (255, 255, 255), size=(30, 20))
    draw("pets/cat/9.png", (255, 0, 0))
    write("pets/cat/.hidden.png", b"junk")
    write("pets/cat/notes.txt", "not an image")
    write("pets/.git/x.png", b"junk")
    write("pets/readme.md", "not an image")
    table = read(tmp_path / "pets", image_size=(2, 3))
    assert table.y.tolist() == ["cat", "dog", "dog"]
    assert (table.name, table.target, table.image_shape) == ("pets", "label", (2, 3, 3))
    assert table.files == ("cat/9.png", "dog/1.JPG", "dog/2.png")
    assert table.X.shape == (3, 18)
    assert table.X.dtype == np.float32
    assert table.X.flags.c_contiguous
    np.testing.assert_allclose(table.X[:, :3], [[1, 0, 0], [1, 1, 1], [0, 0, 1]], atol=0.01)


def test_gray_images_have_one_channel(draw, tmp_path):
    draw("pets/cat/1.png", (255, 255, 255))
    table = read(tmp_path / "pets", image_size=(2, 3), gray=True, target="label")
    assert table.image_shape == (2, 3, 1)
    np.testing.assert_array_equal(table.X, np.ones((1, 6)))


def test_a_folder_of_images_is_for_prediction_in_the_order_of_names(draw, write, tmp_path):
    draw("new/b.png", (0, 255, 0))
    draw("new/a.png", (255, 0, 0))
    write("new/sub/notes.txt", "")
    table = read(tmp_path / "new", image_size=(1, 1))
    assert table.X.tolist() == [[1, 0, 0], [0, 1, 0]]
    assert (table.y, table.target, table.image_shape) == (None, None, (1, 1, 3))
    assert table.files == ("a.png", "b.png")
    assert "it comes without labels" in refusal(tmp_path / "new", target="label")


def test_a_single_image_is_one_row(draw):
    path = draw("one.png", (255, 0, 0))
    table = read(path)
    assert table.X.shape == (1, 64 * 64 * 3)
    assert table.y is None
    assert "it comes without labels" in refusal(path, target="label")


def test_image_size_is_height_then_width(draw):
    pixels = np.zeros((2, 4), np.uint8)
    pixels[:, 2:] = 255
    table = read(draw("half.png", pixels), image_size=(2, 4), gray=True)
    np.testing.assert_array_equal(table.X.reshape(2, 4), [[0, 0, 1, 1]] * 2)


def test_what_is_transparent_is_white(draw):
    for name, mode, color in (("a.png", "RGBA", (0, 0, 0, 0)), ("b.png", "LA", (0, 0))):
        assert read(draw(name, color, mode=mode), image_size=(1, 1)).X.tolist() == [[1, 1, 1]]
    palette = draw("c.png", 0, mode="P")
    with Image.open(palette) as image:
        image.save(palette, transparency=b"\0")
    assert read(palette, image_size=(1, 1)).X.tolist() == [[1, 1, 1]]


def test_sixteen_bits_are_scaled_and_thirty_two_refused(draw):
    path = draw("deep.png", np.full((2, 2), 0x8000, np.uint16))
    assert read(path, image_size=(1, 1), gray=True).X.tolist() == [[pytest.approx(128 / 255)]]
    assert "32-bit pixels have no agreed range" in refusal(draw("float.tif", np.ones((2, 2), np.float32)))


def test_a_photo_is_turned_as_its_camera_says(tmp_path):
    image, exif = Image.fromarray(np.array([[0, 255]], np.uint8)), Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees clockwise to show
    image.save(tmp_path / "p.png", exif=exif)
    assert read(tmp_path / "p.png", image_size=(2, 1), gray=True).X.tolist() == [[0, 1]]


@pytest.mark.parametrize("content", [b"", b"junk", None])
def test_a_damaged_image_is_named(draw, write, tmp_path, content):
    good = draw("pets/cat/good.png", np.random.default_rng(0).integers(256, size=(40, 40), dtype=np.uint8))
    write("pets/cat/bad.png", good.read_bytes()[:700] if content is None else content)
    message = refusal(tmp_path / "pets")
    assert str(Path("cat") / "bad.png") in message
    assert "not readable as an image" in message


def test_folders_without_images_are_refused(draw, write, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "no images (.bmp" in refusal(tmp_path / "empty")
    write("texts/a/b.txt", "")
    assert "no images (.bmp" in refusal(tmp_path / "texts")
    draw("pets/cat/1.png")
    (tmp_path / "pets" / "dog").mkdir()
    assert "no images in the class folder 'dog'" in refusal(tmp_path / "pets")
    draw("pets/stray.png")
    assert "images both in it and in its sub-folders, move stray.png" in refusal(tmp_path / "pets")


def test_impossible_image_sizes_are_refused(draw):
    assert "image_size = (0, 4), wanted" in refusal(draw("a.png"), image_size=(0, 4))


# Bundled sets


@pytest.mark.parametrize("name", datasets.NAMES)
def test_every_bundled_set_is_a_table(name):
    table = read(name)
    X, _ = datasets.NAMES[name]()
    np.testing.assert_allclose(np.asarray(table.X), X.T, rtol=1e-6)
    assert len(table.y) == len(table.X)
    assert table.name == name
    np.testing.assert_array_equal(read(name, target=table.target).y, table.y)


@pytest.mark.parametrize(
    ("name", "target", "first", "labels"),
    [
        ("iris", "species", "sepal length (cm)", {"setosa", "versicolor", "virginica"}),
        ("breast_cancer", "diagnosis", "mean radius", {"malignant", "benign"}),
        ("wine", "cultivar", "alcohol", {"class_0", "class_1", "class_2"}),
        ("moons", "class", "x1", {0, 1}),
        ("spirals", "class", "x1", {0, 1, 2}),
    ],
)
def test_bundled_frames_have_names(name, target, first, labels):
    table = read(name)
    assert table.target == target
    assert table.X.columns[0] == first
    assert set(table.y) == labels


def test_bundled_regression_has_numbers():
    assert read("diabetes").y[:3].tolist() == [151, 75, 141]
    assert read("sine").y.dtype == np.float64


def test_bundled_digits_are_images():
    table = read("digits")
    assert (table.image_shape, table.target) == ((8, 8, 1), "digit")
    assert table.X.dtype == np.float32
    assert table.X.flags.c_contiguous
    assert set(table.y) == set(range(10))
    assert "no target 'class'; its target is called 'digit'" in refusal("digits", target="class")


def test_any_column_of_a_bundled_frame_can_be_the_target():
    table = read("iris", target="petal width (cm)")
    assert "species" in table.X.columns
    assert table.y.dtype == np.float64
    assert "Did you mean 'species'?" in refusal("iris", target="Species")


def test_a_path_that_exists_wins_over_a_bundled_name(draw, tmp_path, monkeypatch):
    draw("iris/a/1.png")
    monkeypatch.chdir(tmp_path)
    assert read("iris").y.tolist() == ["a"]
    assert set(read("wine").y) == {"class_0", "class_1", "class_2"}


# Everything


def test_a_source_that_does_not_exist_says_what_does(write, tmp_path):
    write("titanic.csv", "a\n1\n")
    message = refusal(tmp_path / "titanc.csv")
    assert "no such file, and not a bundled data set (flower, moons" in message
    assert message.endswith(". Did you mean 'titanic.csv'?")
    assert refusal("irsi").endswith(". Did you mean 'iris'?")


@pytest.mark.parametrize("source", ["", "no/such/folder/x.csv", "a\0b", "x" * 5000])
def test_impossible_paths_are_refused(source):
    assert "no such file" in refusal(source)


@pytest.mark.parametrize("name", ["t.xlsx", "t", "t.json.gz", "t.npz.gz", "t.gz"])
def test_unknown_formats_name_the_known_ones(write, name):
    assert f"{name}: unknown format, wanted .csv .tsv .txt (also .gz), .parquet, .npz" in refusal(
        write(name, "a,b\n1,2\n")
    )


@pytest.mark.parametrize(("module", "name"), [("pyarrow", "t.parquet"), ("h5py", "t.h5"), ("PIL", "t.png")])
def test_an_absent_extra_is_named(write, monkeypatch, module, name):
    monkeypatch.setitem(sys.modules, module, None)
    assert 'pip install "chainrule[data]"' in refusal(write(name, b"junk"))


def test_a_table_cannot_be_changed():
    table = read("xor")
    assert isinstance(table, Table)
    with pytest.raises(AttributeError):
        table.y = None


# Hostile files. The room of a file is made small for these tests, so that small bombs are too large for it.

MIB = 1 << 20


@pytest.fixture
def bounded(monkeypatch):
    """Refuse in a room of 16 times the size and 16 MiB: the message, after a look at the memory."""
    monkeypatch.setattr(common, "TIMES", 16)
    monkeypatch.setattr(common, "MORE", 16 * MIB)

    def peak():
        """MiB that this process had in memory at most, since it was last reset."""
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024

    def bounded(path, **options):
        read("iris")  # what is imported late
        before = None
        with suppress(OSError):  # where Linux does not tell
            Path("/proc/self/clear_refs").write_text("5")
            before = peak()
        message = refusal(path, **options)
        assert before is None or peak() - before < 100
        assert len(message) < 3100
        return message

    return bounded


def npy(descr, shape, data=b""):
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + data


@pytest.fixture
def zipped(tmp_path):
    def zipped(*members, method=zipfile.ZIP_DEFLATED):
        path = tmp_path / "t.npz"
        with warnings.catch_warnings(), zipfile.ZipFile(path, "w", method) as archive:
            warnings.simplefilter("ignore")  # of members of the same name
            for name, content in members:
                archive.writestr(name, content)
        return path

    return zipped


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.csv.gz", gzip.compress(b"a,b\n" + bytes(40 * MIB)), "it opens to 32 MiB or more from 0.039 MiB on disk"),
        ("t.csv.gz", gzip.compress(b"a,b\n1,2\n" + b"," * MIB), "as a table it opens to"),
        ("t-images-idx3-ubyte.gz", gzip.compress(idx(IMAGES)[:4] + bytes(40 * MIB)), "wanted at most 17 MiB (16 times"),
        ("t.csv", ",".join(f"c{i}" for i in range(250_001)) + "\n1\n", "250,001 columns, wanted at most 250,000"),
        ("t-images-idx3-ubyte", bytes((0, 0, 8, 3)) + b"\xff" * 12, "wanted 79228162458924105385300197375 for shape"),
        ("t.npz", b"PK\5\6" + bytes(18), "no array of examples"),
        ("t.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EOF\n", "is none of BMP, GIF, JPEG, PNG"),
    ],
    ids=["gzip", "fields", "idx-gzip", "columns", "idx-sizes", "zip-empty", "postscript"],
)
def test_files_that_open_to_too_much_are_refused(bounded, write, name, content, words):
    message = bounded(write(name, content))
    assert f"{name}: " in message
    assert words in message


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ([("X.npy", npy("<f8", (10**6, 10**6)))], "'X' of shape (1000000, 1000000) opens to 7,629,395 MiB or more"),
        ([("X.npy", npy("<f8", (2**32, 2**32)))], "'X' of shape (4294967296, 4294967296) opens to 140,737,488,355,328"),
        ([("X.npy", npy("<f8", (-1, 4), bytes(32)))], "'X' declares 2 dimensions (-1, 4) of float64, which cannot be"),
        ([("X.npy", npy("<f8", (1,) * 40, bytes(8)))], "'X' declares 40 dimensions"),
        ([("X.npy", npy("<f8", (2, 2), bytes(31)))], "'X' has 31 bytes of data, wanted 32 for float64 of shape (2, 2)"),
        ([("X.npy", npy("<f8", (2,), bytes(16))), ("y.npy", npy("|S0", (10**12,)))], "'y' declares 1 dimensions"),
        ([("X.npy", npy("|u1", (40, MIB), bytes(40 * MIB)))], "it opens to 40 MiB or more from 0.039 MiB on disk"),
        (
            [("X.npy", npy("|u1", (MIB,), bytes(MIB))), ("y.npy", npy("|S1", (MIB,), b"a" * MIB))],
            "'y' of shape (1048576,)",
        ),
        ([("X.npy", npy("|O", (1,), b"cos\nsystem\n(S'exit 1'\ntR."))], "'X' holds Python objects, which nothing safe"),
        ([("X.npy", npy("<f8", (1,), bytes(8))[:6] + b"\x09\0" + bytes(9))], "'X' is in version (9, 0) of the .npy"),
        ([("X.npy", b"\x93NUMPY\1\0\x20\x4e" + b"(" * 20000)], "not readable as .npz: Header info length (20000)"),
        ([("../X.npy", npy("<f8", (1,), bytes(8)))], "a member called '../X.npy', a path to elsewhere"),
        ([("/etc/X.npy", npy("<f8", (1,), bytes(8)))], "a member called '/etc/X.npy', a path to elsewhere"),
        ([("a\\..\\X.npy", npy("<f8", (1,), bytes(8)))], "a path to elsewhere"),
        ([("C:/X.npy", npy("<f8", (1,), bytes(8)))], "a member called 'C:/X.npy', a path to elsewhere"),
        ([("X.npy", npy("<f8", (1,), bytes(8)))] * 2, "several members called 'X.npy'"),
        ([("X\n\x1b[2J.npy", b"")], "not readable as .npz"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_hostile_archives_are_refused(bounded, zipped, members, words):
    assert words in bounded(zipped(*members))


def test_packed_or_encrypted_members_of_other_kinds_are_refused(bounded, zipped, write):
    member = ("X.npy", npy("<f8", (1,), bytes(8)))
    assert "packed in a way that numpy.savez does not use" in bounded(zipped(member, method=zipfile.ZIP_LZMA))
    data = bytearray(zipped(member).read_bytes())
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    assert "'X.npy' in the archive is encrypted" in bounded(write("e.npz", bytes(data)))


def fill(file):
    file.create_dataset("X", (10**6, 10**6), "f4", chunks=(1000, 1000))


def many_chunks(file):
    file.create_dataset("X", (2**19, 2), "u1", chunks=(2, 2))[0] = 1


def external_link(file):
    file["group/X"] = h5py.ExternalLink("elsewhere.h5", "/X")


def external_storage(file):
    file.create_dataset("X", (4,), "f8", external=[("elsewhere.bin", 0, 32)])


def virtual(file):
    layout = h5py.VirtualLayout((4,), "f8")
    layout[:] = h5py.VirtualSource("elsewhere.h5", "X", shape=(4,))
    file.create_virtual_dataset("X", layout)


def odd_filter(file):
    file.create_dataset("X", data=np.arange(16), chunks=(4,), scaleoffset=0)


def chunk_bomb(file):
    data = file.create_dataset("X", (4, 4), "f4", chunks=(4, 4), compression="gzip")
    data.id.write_direct_chunk((0, 0), zlib.compress(bytes(200 * MIB), 1))


def empty_chunk(file):
    data = file.create_dataset("X", (4, 4), "f4", chunks=(4, 4), compression="gzip", fletcher32=True)
    data.id.write_direct_chunk((0, 0), b"abc")


def nested(file):
    for _ in range(100):
        file = file.create_group("group")
    file["X"] = np.ones(3)


def many_names(file):
    for i in range(10_001):
        file[f"{i}"] = h5py.SoftLink("/nowhere")


def long_label(file):
    file["X"] = np.ones((100, 1))
    file["y"] = ["a" * MIB] + ["b"] * 99


def packed_text_bomb(file):
    file["X"] = np.ones((2, 1))
    data = file.create_dataset("y", (2,), h5py.string_dtype(), chunks=(2,), compression="gzip")
    data.id.write_direct_chunk((0,), zlib.compress(bytes(200 * MIB), 1))


def references(file):
    file["X"] = np.ones((2, 1))
    file.create_dataset("y", (2,), h5py.ref_dtype)[0] = file["X"].ref


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (fill, "'X' of shape (1000000, 1000000) opens to 3,814,697 MiB or more from 0.001 MiB on disk"),
        (many_chunks, "'X' has 1 of the 262,144 chunks that it declares"),
        (external_link, "'group/X' is a link to another file, wanted the data in this one"),
        (external_storage, "'X' keeps its data in another file"),
        (virtual, "'X' keeps its data in another file"),
        (odd_filter, "'X' is packed by filters [6], wanted at most ['gzip', 'shuffle', 'fletcher32', 'lzf']"),
        (chunk_bomb, "a chunk of 'X' is damaged or opens to more than its 64 bytes"),
        (empty_chunk, "a chunk of 'X' has 3 bytes, which cannot be"),
        (nested, "groups deeper than 32"),
        (many_names, "or more than 10,000 names in them"),
        (long_label, "'y' opens to 400 MiB or more"),
        (packed_text_bomb, "a chunk of 'y' is damaged or opens to more than its 32 bytes"),
        (references, "'y' holds object, wanted numbers or text"),
    ],
)
def test_hostile_hdf5_is_refused(bounded, tmp_path, make, words):
    with h5py.File(tmp_path / "t.h5", "w") as file:
        make(file)
    assert words in bounded(tmp_path / "t.h5")


@pytest.mark.parametrize("options", [{}, {"shuffle": True, "fletcher32": True}])
def test_large_packed_chunks_that_are_in_order_are_read(tmp_path, monkeypatch, options):
    monkeypatch.setattr(common, "MORE", 2 * MIB)  # so that each is looked at
    X = np.random.default_rng(0).integers(256, size=(4, 1 << 20), dtype=np.uint8)
    X[1], X[2] = 7, np.arange(1 << 20) // 4096
    with h5py.File(tmp_path / "t.h5", "w") as file:
        data = file.create_dataset("X", data=X, chunks=(1, 1 << 20), compression="gzip", **options)
        data.id.write_direct_chunk((3, 0), X[3].tobytes(), filter_mask=7)  # as HDF5 does where packing does not pay
    np.testing.assert_array_equal(read(tmp_path / "t.h5").X, X)


def test_a_heap_of_texts_that_hdf5_would_walk_without_end_is_refused(bounded, save_h5):
    path = save_h5(X=np.ones((2, 1)), y=["a", "b"])
    data = bytearray(path.read_bytes())
    free = data.index(b"GCOL") + 16 + 2 * 24  # behind two texts of 1 byte, each with 16 before and filled up to 8
    assert data[free : free + 8] == bytes(8)
    data[free + 8 : free + 16] = bytes(8)
    path.write_bytes(data)
    assert "the place of its texts is damaged" in bounded(path)


def test_circles_and_second_names_in_hdf5_do_no_harm(tmp_path):
    with h5py.File(tmp_path / "t.h5", "w") as file:
        group = file.create_group("group")
        group["up"], group["self"], group["loop"] = file["/"], group, h5py.SoftLink("/group/loop")
        file["X"] = np.ones((2, 3))
        file["data"] = h5py.SoftLink("/X")
    assert read(tmp_path / "t.h5").X.shape == (2, 3)


def zigzag(value, length=0):
    """A number in Thrift's compact form, stretched to a length."""
    value, digits = 2 * value, b""
    while value > 127 or len(digits) + 1 < length:
        digits, value = digits + bytes([value & 127 | 128]), value >> 7
    return digits + bytes([value])


ZEROS = {"a": np.zeros(5 * MIB, "i8")}
TEXT = {"a": pa.DictionaryArray.from_arrays(np.zeros(100, "i4"), ["b" * MIB]), "b": np.arange(100)}


@pytest.mark.parametrize(
    ("columns", "options"),
    [
        (ZEROS, {"use_dictionary": False, "compression": "zstd"}),
        (ZEROS, {}),
        (TEXT, {"store_schema": False}),
        (
            {"a": ["c" * MIB + str(i) for i in range(40)]},
            {"column_encoding": "DELTA_BYTE_ARRAY", "use_dictionary": False},
        ),
        ({"a": pa.nulls(10 * MIB)}, {}),
    ],
    ids=["zstd", "runs", "one-text-for-many-rows", "prefixes", "nothing-at-all"],
)
def test_parquet_that_opens_to_too_much_is_refused(bounded, tmp_path, columns, options):
    parquet.write_table(pa.table(columns), tmp_path / "t.parquet", **options)
    message = bounded(tmp_path / "t.parquet")
    assert "opens to" in message
    assert "wanted at most 1" in message


def test_parquet_whose_footer_belittles_its_pages_is_refused(bounded, tmp_path):
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table(ZEROS), path, use_dictionary=False, compression="zstd", row_group_size=10 * MIB)
    about, data = parquet.read_metadata(path), path.read_bytes()
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    footer = data[start:]
    for number in (about.row_group(0).column(0).total_uncompressed_size, 5 * MIB):
        assert zigzag(number) in footer
        footer = footer.replace(zigzag(number), zigzag(1, len(zigzag(number))))
    path.write_bytes(data[:start] + footer)
    assert parquet.read_metadata(path).num_rows == 1
    assert "it opens to" in bounded(path)


def test_hostile_columns_of_parquet_are_refused(bounded, tmp_path):
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table({"a": [[1, 2], [3]]}), path)
    assert "column 'a' holds list<element: int64>, wanted one value in each row" in bounded(path)
    parquet.write_table(pa.table({"a": ["x", "y"]}), path)
    data = path.read_bytes()
    refused = 0
    for i in range(4, len(data) - 8):  # one of these makes pyarrow end the process, if asked about the column
        if data[i : i + 2] == b"\x25\x02":
            path.write_bytes(data[:i] + b"\x25\x00" + data[i + 2 :])
            with suppress(ReaderError):
                refused += 1
                read(path)
                refused -= 1
    assert refused


def png(width, height, data, length=None):
    def chunk(kind, data, length=None):
        size = len(data) if length is None else length
        return struct.pack(">I", size) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(data), length) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(10_000, 9_000), (30_000, 30_000), (2**31 - 1, 1), (2**31 - 1, 2**31 - 1)])
def test_images_of_too_many_pixels_are_refused(bounded, write, size):
    assert "could be decompression bomb" in bounded(write("t.png", png(*size, bytes(MIB))))
    assert "could be decompression bomb" in bounded(write("pets/cat/t.png", png(*size, b"")).parents[1])


def test_an_image_that_declares_more_data_than_it_has_takes_no_memory_for_it(bounded, write):
    assert "not readable as an image" in bounded(write("t.png", png(9, 9, b"", length=2**31 - 1)))


@pytest.mark.parametrize("name", ["t.gif", "t.png", "t.tif", "t.webp"])
def test_moving_pictures_are_refused_rather_than_cut_to_one(bounded, tmp_path, name):
    pictures = [Image.new("L", (4, 4), shade) for shade in (0, 99, 255)]
    pictures[0].save(tmp_path / name, save_all=True, append_images=pictures[1:])
    assert f"{name}: holds several pictures, wanted one" in bounded(tmp_path / name)


def test_a_photo_with_a_preview_in_it_is_its_first_picture(tmp_path):
    Image.new("L", (8, 8), 255).save(
        tmp_path / "t.jpg", "MPO", save_all=True, append_images=[Image.new("L", (4, 4), 0)]
    )
    assert read(tmp_path / "t.jpg", image_size=(1, 1), gray=True).X.tolist() == [[1]]


def test_too_many_or_too_large_images_are_refused_before_any_is_read(draw):
    assert "1 images of 1000000 x 1000000 pixels take 14,305,115 MiB" in refusal(
        draw("t.png"), image_size=(10**6, 10**6)
    )


PIPES = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")


@PIPES
@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.npz", "t.h5", "t.parquet", "t.png", "t-images-idx3-ubyte"])
def test_pipes_and_devices_are_refused_and_not_waited_for(bounded, tmp_path, name):
    os.mkfifo(tmp_path / name)
    words = f"{name}: is a pipe, a socket or a device, wanted a regular file"
    assert words in bounded(tmp_path / name)
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to("/dev/zero")
    assert words in bounded(tmp_path / name)


@PIPES
def test_pipes_among_the_images_or_labels_are_not_waited_for(draw, write, tmp_path):
    draw("pets/cat/1.png")
    os.mkfifo(tmp_path / "pets" / "cat" / "2.png")
    os.mkfifo(tmp_path / "labels")
    assert len(read(tmp_path / "pets").X) == 1
    assert "labels: is a pipe" in refusal(write("t-images-idx3-ubyte", idx(IMAGES)), labels=tmp_path / "labels")


def test_links_to_nowhere_and_in_circles_are_said(tmp_path):
    (tmp_path / "gone.csv").symlink_to("nowhere")
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    assert "gone.csv: is a link to 'nowhere', which is not there" in refusal(tmp_path / "gone.csv")
    assert "loop.csv: cannot be opened: Too many levels of symbolic links" in refusal(tmp_path / "loop.csv")


def test_a_folder_that_contains_itself_is_read_once(draw, tmp_path):
    draw("pets/cat/1.png")
    (tmp_path / "pets" / "cat" / "again").symlink_to(tmp_path / "pets")
    assert read(tmp_path / "pets").y.tolist() == ["cat"]


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.npz", "t.h5", "t.parquet", "t.png", "t-images-idx3-ubyte"])
def test_a_file_that_vanishes_is_said(write, monkeypatch, name):
    monkeypatch.setattr("chainrule.readers.regular", lambda path: path.unlink())
    assert f"{name}: not readable as a file: No such file or directory" in refusal(write(name, b"junk"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_said(write):
    path = write("t.csv", "a\n1\n")
    path.chmod(0)
    assert "t.csv: not readable as a file: Permission denied" in refusal(path)


def test_names_from_a_file_cannot_write_on_the_screen(write):
    message = refusal(write("t.csv", "a\x1b[2J\u202e,b\n1,2\n"), target="a")
    assert r"'a\x1b[2J\u202e'" in message
    assert refusal(write("t.csv", f"{'a' * 100_000},b\n1,2\n"), target="a").count("a") < 200
