"""Takes the tables from one version to another, with alembic, which is imported here and in the versions alone.

Nothing of alembic's that belongs to the whole process is used: an application that runs alembic itself, and several
stores that are opened at the same time, do not notice each other.
"""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext, MigrationStep
from alembic.script import ScriptDirectory
from sqlalchemy import inspect
from sqlalchemy.schema import CreateSchema

from asyncendpoints.errors import ConfigurationError
from asyncendpoints.stores.sql import migrations
from asyncendpoints.stores.versions import BASE, HEAD

if TYPE_CHECKING:
    from sqlalchemy import Connection, Dialect

    from asyncendpoints.stores.sql.tables import Tables

_HOME: Final = Path(migrations.__file__).parent
VERSIONS: Final = [_HOME / "versions"]
"""Where alembic looks for versions."""


def migrate(connection: Connection, tables: Tables, *, found: str | None, to: str) -> None:
    """Make the tables those of another version, in the transaction of this connection.

    Args:
        connection: It has its turn: nobody else migrates meanwhile.
        tables: Say where in the database.
        found: The present version; None where there is none.
        to: A version, `head` or `base`.

    Raises:
        ConfigurationError: This release does not know one of the versions.
    """
    missing = _missing_schema(connection, tables)
    if missing is not None:
        connection.execute(missing)
    tables.version.create(connection, checkfirst=True)
    _run(tables, found, to, connection=connection)


def statements(connection: Connection, tables: Tables, *, found: str | None, to: str) -> str:
    """Return the statements that would make the tables those of another version.

    Args:
        connection: Says what database it is; nothing is executed.
        tables: Say where in the database.
        found: The present version; None where there is none.
        to: A version, `head` or `base`.

    Raises:
        ConfigurationError: This release does not know one of the versions.
    """
    written = StringIO()
    missing = _missing_schema(connection, tables)
    if missing is not None:
        written.write(f"{missing.compile(connection)};\n\n")
    _run(tables, found, to, dialect=connection.dialect, as_sql=True, output_buffer=written, starting_rev=found)
    return written.getvalue()


def _missing_schema(connection: Connection, tables: Tables) -> CreateSchema | None:
    schema = tables.metadata.schema
    return None if schema is None or inspect(connection).has_schema(schema) else CreateSchema(schema)


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(_HOME, version_locations=[str(place) for place in VERSIONS])


def _resolve(scripts: ScriptDirectory, to: str) -> str | None:
    if to == BASE:
        return None
    known = [script.revision for script in scripts.walk_revisions()]
    if to == HEAD:
        return known[0]
    if to not in known:
        raise ConfigurationError(
            f"this release of asyncendpoints knows no version {to!r} of the tables; it knows "
            f"{', '.join(reversed(known))}, {HEAD} and {BASE}"
        )
    return to


def _steps(scripts: ScriptDirectory, found: str | None, to: str | None) -> list[MigrationStep]:
    """Return what leads from one version to the other; versions are one after the other, without branches."""
    if found is not None and (to is None or to < found):
        down = scripts.iterate_revisions(found, to or BASE, select_for_downgrade=True)
        return [MigrationStep.downgrade_from_script(scripts.revision_map, script) for script in down]
    up = reversed(list(scripts.iterate_revisions(to or BASE, found or BASE, implicit_base=True)))
    return [MigrationStep.upgrade_from_script(scripts.revision_map, script) for script in up]


def _run(
    tables: Tables,
    found: str | None,
    to: str,
    *,
    connection: Connection | None = None,
    dialect: Dialect | None = None,
    **options: Any,
) -> None:
    scripts = _scripts()
    _resolve(scripts, found or BASE)
    steps = _steps(scripts, found, _resolve(scripts, to))

    def planned(_heads: object, _context: object) -> list[MigrationStep]:
        return steps

    settings: dict[str, Any] = {
        "script": scripts,
        "version_table": tables.version.name,
        "version_table_schema": tables.metadata.schema,
        "fn": planned,
    }
    context = MigrationContext.configure(connection, dialect=dialect, opts={**settings, **options})
    context.run_migrations(op=Operations(context), prefix=tables.prefix, schema=tables.metadata.schema)
