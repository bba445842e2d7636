"""What URLs of MySQL and MariaDB say, and that no complaint shows a password."""

from __future__ import annotations

import pytest

from asyncendpoints import ConfigurationError
from asyncendpoints.stores.sql.mysql_url import MysqlAddress, parse_mysql_url
from asyncendpoints.stores.sql.store import SqlStore


def test_a_url_names_the_server_the_database_and_how_to_use_it() -> None:
    """Every part of a URL is read, with its escapes."""
    found = parse_mysql_url(
        "mysql+aiomysql://a%40b:p%2Fw@db.example:3307/jobs?namespace=n&timeout=3&connect_timeout=0.5&prefix=x_&ssl_ca=/ca"
    )
    assert found == MysqlAddress(
        driver="aiomysql",
        host="db.example",
        port=3307,
        user="a@b",
        password="p/w",
        database="jobs",
        ssl=True,
        ssl_ca="/ca",
        namespace="n",
        timeout=3.0,
        connect_timeout=0.5,
        prefix="x_",
    )


def test_what_a_url_leaves_out_is_the_usual() -> None:
    """A short URL means asyncmy, port 3306, no encryption and the usual times."""
    for scheme in ("mysql", "mariadb", "mysql+asyncmy"):
        found = parse_mysql_url(f"{scheme}://root@[::1]/jobs")
        assert found == MysqlAddress(driver="asyncmy", host="::1", port=3306, user="root", database="jobs")
        assert str(found) == "[::1]:3306/jobs"
    assert str(parse_mysql_url("mysql:///jobs?unix_socket=/run/mysqld.sock")) == "/run/mysqld.sock/jobs"


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mysql://u:secret@h", "names one database"),
        ("mysql://u:secret@h/a/b", "names one database"),
        ("mysql://u:sec/ret@h/jobs", "percent-encoded"),
        ("mysql://u:secret@h:port/jobs", "host or port"),
        ("mysql+mysqldb://u:secret@h/jobs", "'mysqldb' is no driver"),
        ("mysql://u:secret@h/jobs?timeout=0.5", "from 1 to 3600"),
        ("mysql://u:secret@h/jobs?ssl=maybe", "verify or off"),
        ("mysql://u:secret@h/jobs?charset=latin1", "'charset' is no parameter"),
        ("mysql://u:secret@h/jobs?prefix=a-b", "prefix"),
    ],
)
def test_a_url_that_cannot_work_is_refused_in_a_sentence(url: str, sentence: str) -> None:
    """The sentence names what is wrong, and never the password."""
    with pytest.raises(ConfigurationError, match=sentence) as refused:
        parse_mysql_url(url)
    assert "secret" not in str(refused.value)
    assert "ret@" not in str(refused.value)


def test_the_password_is_in_no_description() -> None:
    """Neither the store's description nor its traits hold the password."""
    store = SqlStore("mysql://u:secret@h/jobs")
    assert "secret" not in f"{store!r} {store.traits} {parse_mysql_url('mysql://u:secret@h/jobs')!r}"


def test_a_schema_is_refused() -> None:
    """What other databases call a schema is a database here, and the URL names it."""
    with pytest.raises(ConfigurationError, match="a schema is a database"):
        SqlStore("mysql://u@h/jobs", schema="s")
