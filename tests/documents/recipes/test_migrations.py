"""docs/migrations.md: Alembic and Django, with the code of the document."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from fprom_middleware.database.schema import leads, metadata
from fprom_middleware.outbox.urls import outbox_url
from tests.documents.recipes.documents import block, lines_of, rows_of
from tests.support.accounts import ACCOUNT
from tests.support.leads import pending_in, sign_up_in
from tests.support.older_tables import make_tables, payload_of, second
from tests.support.services import postgresql_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.api import LoopbackApi

MODELS = """
from sqlalchemy import Integer
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
"""
CONFIGURE = """
import sqlalchemy as sa
from alembic import context
from fprom_middleware.outbox.urls import outbox_url
import os

engine = sa.create_engine(outbox_url(os.environ["FPROM_OUTBOX_URL"]))
with engine.begin() as connection:
    context.configure(
        connection=connection, target_metadata=target_metadata, include_name=globals().get(
            "include_name"
        ),
    )
    context.run_migrations()
"""
TEMPLATE = """\
<%text>\"\"\"\"\"\"</%text>
from alembic import op
import sqlalchemy as sa
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
def upgrade():
    ${upgrades if upgrades else "pass"}
def downgrade():
    ${downgrades if downgrades else "pass"}
"""
SETTINGS = """
import os
from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent
SECRET_KEY = "of this test"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth"]
MIDDLEWARE = []
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "shop.db"}}
"""
MANAGE = """
import os, sys
from django.core.management import execute_from_command_line
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
execute_from_command_line(sys.argv)
"""
VISIT = """
from django.test import Client
client = Client()
client.cookies["_fprom_tid"] = "tid-of-a-visitor"
form = {"name": "ann", "email": "ann@example.com"}
assert client.post("/register", form).status_code == 200
try:
    client.post("/register", form)
except Exception as error:
    assert type(error).__name__ == "IntegrityError", error
else:
    raise AssertionError("the second one must fail")
from django.contrib.auth.models import User
from fprom_middleware.django import get_fprom
assert (User.objects.count(), get_fprom().stats().pending) == (1, 1)
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/shop.db"
    else:
        with postgresql_database("migrations") as one:
            yield one


@pytest.fixture
def project(url: str, environ: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """An Alembic project in a folder, and its environment."""
    (tmp_path / "models.py").write_text(MODELS)
    (tmp_path / "migrations" / "versions").mkdir(parents=True)
    (tmp_path / "migrations" / "script.py.mako").write_text(TEMPLATE)
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = migrations\n")
    return environ | {"FPROM_OUTBOX_URL": url}


def alembic(project: dict[str, str], folder: Path, *arguments: str) -> None:
    """Run Alembic."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "alembic", *arguments],
        cwd=folder, env=project, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def tables(url: str) -> set[str]:
    """Name the tables that a database has."""
    engine = sa.create_engine(outbox_url(url))
    found = set(sa.inspect(engine).get_table_names())
    engine.dispose()
    return found


@pytest.mark.parametrize("before", [True, False])
def test_alembic_makes_the_tables_or_finds_them(
    before: bool, project: dict[str, str], loopback: LoopbackApi, tmp_path: Path
) -> None:
    """By the document's commands; leads from before survive, and the outbox accepts them."""
    environment = block("migrations.md", "python", "# migrations/env.py\nfrom fprom")
    (tmp_path / "migrations" / "env.py").write_text(environment + CONFIGURE)
    if before:
        sign_up_in(project, "ann@example.com")
    revise, upgrade = lines_of("migrations.md", "alembic ")
    message = ["-m", "outbox"]
    alembic(project, tmp_path, *revise.partition(" -m ")[0].split()[1:], *message)
    alembic(project, tmp_path, *upgrade.split()[1:])

    assert tables(project["FPROM_OUTBOX_URL"]) == {*metadata.tables, "users", "alembic_version"}
    alembic(project, tmp_path, "check")
    sign_up_in(project, "bob@example.com")
    assert pending_in(project) == (2 if before else 1)


def test_alembic_brings_version_2_up_to_date(
    project: dict[str, str], loopback: LoopbackApi, tmp_path: Path
) -> None:
    """The same two commands; what waited is sent, in the order of its customer."""
    engine = sa.create_engine(outbox_url(project["FPROM_OUTBOX_URL"]))
    make_tables(engine, *(payload_of(number) for number in range(3)))
    environment = block("migrations.md", "python", "# migrations/env.py\nfrom fprom")
    batch = CONFIGURE.replace("target_metadata,", "target_metadata, render_as_batch=True,")
    (tmp_path / "migrations" / "env.py").write_text(environment + batch)
    revise, upgrade = lines_of("migrations.md", "alembic ")
    alembic(project, tmp_path, *revise.partition(" -m ")[0].split()[1:], "-m", "newer")
    alembic(project, tmp_path, *upgrade.split()[1:])

    alembic(project, tmp_path, "check")
    assert pending_in(project) == 3
    with engine.connect() as connection:
        waiting = sa.select(leads.c.email_key, leads.c.uid_key).where(leads.c.due_at.is_not(None))
        keys = connection.execute(waiting.where(leads.c.account == ACCOUNT)).all()
    engine.dispose()
    assert len(keys) == 3
    assert all(email or uid for email, uid in keys)


def test_what_newer_versions_add_is_listed() -> None:
    """Each column and each index, and nothing else."""
    old = second.tables[leads.name]
    columns = {column.name for column in leads.columns} - {column.name for column in old.columns}
    indexes = {str(i.name) for i in leads.indexes} - {str(i.name) for i in old.indexes}

    tables = [rows_of("migrations.md", f"new in version {number}") for number in (3, 4)]
    listed = [name for table in tables for row in table for name in row[0].split(", ")]
    assert sorted(listed) == sorted(columns | indexes)


def test_alembic_may_leave_them_alone(project: dict[str, str], tmp_path: Path) -> None:
    """The other way of the document: nothing is dropped, nothing is compared."""
    sign_up_in(project, "ann@example.com")
    own = block("migrations.md", "python", "# migrations/env.py\ndef include_name")
    (tmp_path / "migrations" / "env.py").write_text(
        f"from models import Base\ntarget_metadata = Base.metadata\n{own}{CONFIGURE}"
    )
    alembic(project, tmp_path, "revision", "--autogenerate", "-m", "users")
    alembic(project, tmp_path, "upgrade", "head")
    alembic(project, tmp_path, "check")

    assert pending_in(project) == 1


def test_a_django_project_registers_both_or_neither(
    environ: dict[str, str], loopback: LoopbackApi, tmp_path: Path
) -> None:
    """The document's settings and view: migrate, check, register, fail to register, drain."""
    settings = block("migrations.md", "python", "# settings.py")
    (tmp_path / "settings.py").write_text(
        f"{SETTINGS}{settings}FPROM_BASE_URL = {loopback.url!r}\nFPROM_WORKER = 'none'\n"
    )
    (tmp_path / "views.py").write_text(block("migrations.md", "python", "# views.py"))
    (tmp_path / "urls.py").write_text(
        "from django.urls import path\nfrom views import register\n"
        "urlpatterns = [path('register', register)]\n"
    )
    (tmp_path / "manage.py").write_text(MANAGE)
    (tmp_path / "visit.py").write_text(VISIT)

    def manage(*arguments: str, **more: str) -> str:
        # The settings are Django's own: none of ours but the keys is in the environment.
        kept = {key: value for key, value in environ.items() if not key.startswith("FPROM_")}
        kept |= {key: environ[key] for key in ("FPROM_API_KEY", "FPROM_ACCOUNT_ID")}
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path, env=kept | more, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    manage("manage.py", "migrate")
    commands = lines_of("migrations.md", "python manage.py")
    assert len(commands) == 2
    answers = [manage(*line.split()[1:]) for line in commands]
    assert "database: ok" in answers[-1]
    assert "No changes detected" in manage("manage.py", "makemigrations", "--check")
    assert "no issues" in manage("manage.py", "check")
    code = f"import django; django.setup(); exec({VISIT!r})"
    manage("-c", code, DJANGO_SETTINGS_MODULE="settings")
    assert manage("manage.py", "fprom", "drain", "--wait").startswith("sent 1, ")

    assert [(lead["email"], lead["uid"]) for lead in loopback.leads] == [("ann@example.com", "1")]
    assert not (tmp_path / ".fprom").exists()
    assert os.environ.get("DJANGO_SETTINGS_MODULE") is None
