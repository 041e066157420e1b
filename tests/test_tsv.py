"""Tables as people have them: what they hold is read as it stands, and what is wrong has its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from yucca_wm.core.errors import InputError
from yucca_wm.core.tsv import read_columns, read_rows


@pytest.mark.parametrize(
    "text",
    [
        "id\tage\n01\t60\nNA\t1e3\n",
        "\ufeffid\tage\r\n01\t60\r\nNA\t1e3\r\n",
        "id\tage\t\n01\t60\t\nNA\t1e3\t\n",
        'id\t"age"\n"01"\t60\n\n"NA"\t"1e3"\n\t\n',
        " id\tage \n01 \t 60\nNA\t1e3",
        "other\tage\tid\nx\t60\t01\ny\t1e3\tNA\n",
    ],
    ids=["plain", "BOM, CR LF", "a tab at every end", "quoted, empty lines", "blanks", "another order"],
)
def test_cells_are_text_as_it_stands(tmp_path: Path, text: str) -> None:
    path = tmp_path / "t.tsv"
    path.write_text(text, encoding="utf-8", newline="")
    assert read_columns(path, ("id",), ("age", "sex")).cells == {"id": ["01", "NA"], "age": ["60", "1e3"]}


@pytest.mark.parametrize(
    "text",
    [
        "id,age,note\n01,60,\nNA,1e3,b\n",
        '"id", "age", "note"\n"01", "60", "a, ""b"""\n"NA", "1e3", ""\n,,\n',
        "id;age;note\r\n01;60;a,b\r\nNA;1e3;c\r\n;;\r\n",
        "\ufeffnote;id;age\na\tb;01;60\n;NA;1e3\n",
        "id\tage\tnote, remark; other\n01\t60\ta,b\nNA\t1e3\n",
    ],
    ids=["commas", "quoted", "semicolons", "mark", "tabs"],
)
def test_spreadsheets_may_separate_columns_otherwise(tmp_path: Path, text: str) -> None:
    """By what the header line has: a comma in a cell beside semicolons, or tabs, is a comma."""
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8", newline="")
    assert read_columns(path, ("id",), ("age",)).cells == {"id": ["01", "NA"], "age": ["60", "1e3"]}


def test_lines_are_those_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("id\n\na\n\t\nb\n")
    assert read_columns(tmp_path / "t.tsv", ("id",)).lines == [3, 5]


def test_a_column_is_found_however_its_accents_are_composed(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("id\ta\u0302ge\n1\t2\n", encoding="utf-8")
    assert read_columns(tmp_path / "t.tsv", ("\u00e2ge",)).cells == {"\u00e2ge": ["2"]}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"id\tage\n1\t2\t3\n", "line 2 has more cells than the header"),
        (b"id\tage\t\n1\t2\t3\n", "line 2 has a cell under a column without a name"),
        (b'id\tage\n1\t2\n"a\t3\nb"\t4\n', "line 3: a cell runs over several lines"),
        (b'id\tage\n1\t2\n"a\t3\nb\t4\n', "line 3: a quotation mark"),
        (b'id\tage\n"a"b\t3\n', "line 2: a quotation mark"),
        (b"id,age\n1,63,4\n", "line 2 has more cells than the header; its columns are separated by commas: put cells"),
        (b"age,id,sex\n61,1\n", "line 2 has fewer cells than the header; its columns are separated by commas: put"),
        (b"id;age\n1,2\n", "line 2 has fewer cells than the header; its columns are separated by semicolons: put"),
        (b'"x";"Age"\n1;2\n', "lacks the columns id, age; it has x, Age: write age for Age"),
        (b"a,b\n1,2\n", "lacks the columns id, age; it has a, b"),
        (b"id  age\n1  2\n", "lacks the columns id, age; columns must be separated by tabs, semicolons or commas"),
        (b"the identity\n1\n", "lacks the columns id, age; it has the identity"),
        (b"id\tAge\n", "lacks the column age; it has id, Age: write age for Age"),
        (b"id\tage\tid\n", "has the column id twice"),
        ("id\tage\n1\t2\n".encode("utf-16"), ": is UTF-16 text; save it as tab-separated text (UTF-8)"),
        (b"PK\x03\x04\x14\x00\x06\x00\x08\xff", ": is an Excel file; save it as tab-separated text (UTF-8)"),
        ("id\tname\n1\tJos\u00e9\n".encode("latin-1"), ": is not text in UTF-8; save it as tab-separated text (UTF-8)"),
        (b"", "lacks the columns id, age; it has none"),
    ],
)
def test_what_is_no_table_is_one_line(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "t.tsv").write_bytes(content)
    with pytest.raises(InputError) as error:
        read_columns(tmp_path / "t.tsv", ("id", "age"))
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_a_table_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothere\.tsv: no such file; check the path"):
        read_rows(tmp_path / "nothere.tsv")


def test_the_first_line_of_excel_is_no_header(tmp_path: Path) -> None:
    """And lines are counted as an editor shows them."""
    table = tmp_path / "t.csv"
    table.write_text("sep=;\nsubject;t1\na;x\nb;y;z\n")
    with pytest.raises(InputError, match="line 4 has more cells than the header"):
        read_columns(table, ("subject",))
    table.write_text("sep=;\nsubject;t1\na;x\n")
    read = read_columns(table, ("subject", "t1"))
    assert (read.cells, read.lines) == ({"subject": ["a"], "t1": ["x"]}, [3])
