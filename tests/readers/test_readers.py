import gzip
import sys
import warnings
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from chainrule import datasets
from chainrule.errors import ReadingNote
from chainrule.readers import Table, read
from support.files import IMAGES, LABELS, idx, refusal
from support.tables import shared

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


@pytest.mark.parametrize("target", ["Quit (yes/no)", "Quit\n(yes/no)", " Quit   (yes/no) "])
@pytest.mark.parametrize("name", ["t.csv", "t.xlsx", "t.json", "t.parquet", "t.feather"])
def test_white_space_in_a_heading_is_one_blank_to_who_names_it(tmp_path, target, name):
    frame = pd.DataFrame({"age": [1, 2, 3], "Quit\n(yes/no)": ["yes", "no", "n/a"]})
    path = tmp_path / name
    {
        ".csv": partial(frame.to_csv, index=False), ".xlsx": partial(frame.to_excel, index=False),
        ".json": partial(frame.to_json, orient="records"), ".parquet": frame.to_parquet, ".feather": frame.to_feather,
    }[path.suffix](path)  # fmt: skip
    table = read(path, target=target)
    assert " ".join(table.target.split()) == "Quit (yes/no)"
    assert table.y.tolist() == ["yes", "no", "n/a"]
    assert table.X.to_dict("list") == {"age": [1, 2, 3]}


def test_quoted_delimiters_and_line_ends_stay_inside_a_field(write):
    table = read(write("t.csv", 'a,"b, or\nnot b"\r\n"x, y",2\r\n"z\nw",3\r\n'))
    assert list(table.X.columns) == ["a", "b, or not b"]
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


@pytest.mark.parametrize("sep", ",;\t|")
def test_decimal_commas_come_as_written_beside_any_delimiter(write, sep):
    lines = ["a,b,c", '"1,5",x,2.5', '"-2,25",y,3']
    text = "\n".join(line.replace('",', f'"{sep}').replace("x,", f"x{sep}").replace("y,", f"y{sep}") for line in lines)
    table = read(write("t.csv", text.replace("a,b,c", f"a{sep}b{sep}c")))
    assert table.X["a"].tolist() == ["1,5", "-2,25"]
    assert table.X["c"].tolist() == [2.5, 3]


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
        ("a,b\n1,2,3\n4,5,6\n", "the first row has 3 fields, the header has 2; name each column there"),
        ("a b,a\tb\n1,2\n", "several columns are called 'a b'; rename"),
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
    with pytest.warns(ReadingNote, match=r"pets: not read: 2 files of other kinds: \.md, \.txt"):
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
    with pytest.warns(ReadingNote, match=r"not read: 1 file of other kinds: \.txt"):
        table = read(tmp_path / "new", image_size=(1, 1))
    assert table.X.tolist() == [[1, 0, 0], [0, 1, 0]]
    assert (table.y, table.target, table.image_shape) == (None, None, (1, 1, 3))
    assert table.files == ("a.png", "b.png")
    assert "it comes without labels" in refusal(tmp_path / "new", target="label")


@pytest.mark.parametrize("name", ["a.jfif", "a.jpe", "a.JPEG", "a.pnm", "a.pbm"])
def test_every_usual_name_of_an_image_counts(draw, tmp_path, name):
    mode, kind = ("1", "PPM") if name.endswith("m") else ("RGB", "JPEG")
    Image.new(mode, (4, 4), 1).save(tmp_path / name, kind)
    assert read(tmp_path / name, image_size=(2, 2)).X.shape == (1, 12)


def test_images_in_deeper_folders_have_the_label_of_the_outermost(draw, tmp_path):
    for name in ("cat/1.png", "dog/9.png", "dog/summer/1.png", "dog/summer/beach/2.png", "dog/winter/1.png"):
        draw(f"pets/{name}")
    with pytest.warns(
        ReadingNote, match=r"deeper folders \(dog/summer, dog/summer/beach, dog/winter\) have the label .*; 5 \.png"
    ):
        table = read(tmp_path / "pets", image_size=(1, 1))
    assert table.y.tolist() == ["cat", *["dog"] * 4]
    assert table.files == ("cat/1.png", "dog/9.png", "dog/summer/1.png", "dog/summer/beach/2.png", "dog/winter/1.png")


def test_the_folder_of_an_archive_around_the_classes_is_no_class(draw, tmp_path):
    draw("pets/pets/data/cat/1.png")
    draw("pets/pets/data/dog/1.png")
    table = read(tmp_path / "pets", image_size=(1, 1))
    assert (table.name, table.y.tolist(), table.files) == ("pets", ["cat", "dog"], ("cat/1.png", "dog/1.png"))


def test_parts_of_data_are_no_classes(draw, tmp_path):
    draw("pets/train/cat/1.png")
    draw("pets/test/cat/1.png")
    said, pets = refusal(tmp_path / "pets"), tmp_path / "pets"
    assert said.endswith(
        f"its folders are parts (test, train) of data; read {pets / 'train'}, and the other for the test "
        f"(--test-file {pets / 'test'})"
    )
    assert read(tmp_path / "pets" / "train", image_size=(1, 1)).y.tolist() == ["cat"]


def test_files_of_the_system_are_not_mentioned(draw, write, tmp_path):
    draw("pets/cat/1.png")
    for name in ("Thumbs.db", "desktop.ini", ".DS_Store"):
        write(f"pets/cat/{name}", "")
    assert len(read(tmp_path / "pets").X) == 1


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


@pytest.mark.parametrize("top", [511, 1023, 4095, 16383, 65535])
def test_pgm_of_more_than_8_bits_is_scaled_by_the_range_it_tells(write, top):
    grays = np.arange(64).reshape(8, 8) * top // 63 * 3 // 4
    path = write("g.pgm", b"P5\n8 8\n%d\n" % top + grays.astype(">u2").tobytes())
    X = read(path, image_size=(8, 8), gray=True).X
    np.testing.assert_allclose(X[0], grays.ravel() / top, atol=1 / 255)


@pytest.mark.parametrize(("top", "range_"), [(4095, 4095), (3000, 4095), (300, 4095), (16000, 16383), (40000, 65535)])
def test_16_bit_pixels_are_scaled_by_the_bits_that_they_use(draw, top, range_):
    grays = (np.arange(64).reshape(8, 8) * top // 63).astype(np.uint16)
    path = draw("g.png", grays)
    with warnings.catch_warnings(record=True) as noted:
        warnings.simplefilter("always")
        table = read(path, image_size=(8, 8), gray=True)
    np.testing.assert_allclose(table.X[0], grays.ravel() / range_, atol=1 / 255)
    said = [str(each.message) for each in noted]
    bits = (range_ + 1).bit_length() - 1
    assert said == (
        [] if bits == 16 else [f"g.png: 16-bit pixels of at most {top:,} are read as pixels of {bits} bits"]
    )
    assert read(draw("h.png", np.full((2, 2), 65535, np.uint16)), image_size=(1, 1)).X.tolist() == [[1, 1, 1]]


def test_the_range_of_16_bit_pixels_is_that_of_all_images_of_a_folder(draw, tmp_path):
    draw("a/dark.png", np.full((2, 2), 1000, np.uint16))
    draw("a/light.png", np.full((2, 2), 65535, np.uint16))
    draw("a/plain.png", np.full((2, 2), 100, np.uint8))
    X = read(tmp_path / "a", image_size=(1, 1), gray=True).X
    np.testing.assert_allclose(X.ravel(), [4 / 255, 1, 100 / 255], atol=1e-6)


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


@pytest.mark.parametrize(
    ("name", "todo"),
    [
        ("t.ods", "save it as .xlsx or .csv in a spreadsheet program"),
        ("t.XLS", "save it as .xlsx or .csv in a spreadsheet program"),
        ("t.html", "copy its table into a spreadsheet, and save that as .xlsx or .csv"),
        ("t.dta", "save it as .csv in Stata"),
        ("t.sav", "save it as .csv or .xlsx in SPSS"),
        ("t.sas7bdat", "save it as .csv in SAS"),
        ("t.rds", "save it as .csv in R"),
        ("t.npy", "save arrays X and y in one .npz"),
        ("t.pkl", "save it as .csv or .parquet in Python"),
    ],
)
def test_formats_of_other_programs_name_what_to_save_as(write, name, todo):
    assert f"{name}: unknown format; {todo}" in refusal(write(name, "a,b\n1,2\n"))


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.txt", "t.json", "t.xls", "t"])
def test_a_workbook_with_another_ending_is_called_one(tmp_path, name):
    pd.DataFrame({"a": [1, 2], "b": [3, 4]}).to_excel(tmp_path / "book.xlsx", index=False)
    path = (tmp_path / "book.xlsx").rename(tmp_path / name)
    assert refusal(path).endswith("; it is an Excel workbook; call it t.xlsx")


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("t.csv", gzip.compress(b"a,b\n1,2\n"), "it is packed with gzip; call it t.csv.gz"),
        ("t.gz", gzip.compress(b"a,b\n1,2\n"), "it is packed with gzip; call it t.csv.gz if that is a table as text"),
        ("t.csv", b"PK\3\4\0\0 X.npy", "it is arrays of NumPy; call it t.npz"),
        ("t.csv", b"PK\3\4\0\0 mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "save it as .xlsx or .csv"),
        ("t.csv", b"PK\3\4\0\0", "it is a zip file; call it t.zip"),
        ("t.csv", b"PAR1\0", "it is Parquet; call it t.parquet"),
        ("t.csv", b"\xd0\xcf\x11\xe0\0", "it is an old Excel workbook, or one with a password; save it as .xlsx"),
        ("t.csv", b"<!DOCTYPE html>\n<p>Log in, please</p>\n", "it is a page of the web; copy its table"),
        ("t.csv.gz", gzip.compress(b"\n<html>\n"), "it is a page of the web; copy its table"),
        ("t.xlsx", b"<table><tr>", "not readable as Excel: it is a page of the web; copy its table"),
        ("t.xlsx", b"a;b\n1;2\n", "not readable as Excel: it is text; call it t.csv"),
        ("t.dat", b"\x89HDF\r\n\x1a\n", "it is HDF5; call it t.h5"),
    ],
)
def test_what_has_the_name_of_something_else_is_called_what_it_is(write, name, content, what):
    assert what in refusal(write(name, content))


@pytest.mark.parametrize("name", ["t.zzz", "t", "t.xlsx.gz", "t.npz.gz", "t.gz"])
def test_unknown_formats_name_the_known_ones(write, name):
    assert f"{name}: unknown format, wanted .csv .tsv .txt .json" in refusal(write(name, "a,b\n1,2\n"))


@pytest.mark.parametrize(("module", "name"), [("pyarrow", "t.parquet"), ("h5py", "t.h5"), ("PIL", "t.png")])
def test_an_absent_extra_is_named(write, monkeypatch, module, name):
    monkeypatch.setitem(sys.modules, module, None)
    assert 'pip install "chainrule[data]"' in refusal(write(name, b"junk"))


def test_a_table_cannot_be_changed():
    table = read("xor")
    assert isinstance(table, Table)
    with pytest.raises(AttributeError):
        table.y = None
