"""Archives for the tests of the sealed journal: a sealed one and an empty one."""

import shutil

import pytest

from tests.gis.audit.archive import WRITE, Archive


@pytest.fixture(scope="module")
def original_archive(cluster, migrated_template, tmp_path_factory):
    """36 entries in four batches; a ``seq`` was rolled back within batch 2 and another between batches 2 and 3."""
    archive = Archive(cluster, "sealed", tmp_path_factory.mktemp("sealed"))
    cluster.create_database(archive.name, template=migrated_template)
    for entries in (15, 5, 15):
        archive.write(entries)
        with archive.connect(autocommit=False) as connection:
            connection.execute(WRITE, ["không thành"])
            connection.rollback()
    with archive.connect() as connection:
        connection.execute("select app.write_journal('areas', gen_random_uuid(), 'insert', null, '{}')")
    archive.sealer.seal()
    yield archive, archive.content()
    cluster.drop_database(archive.name)


@pytest.fixture
def archive(cluster, original_archive, tmp_path):
    """The sealed archive, restored to its original content."""
    original, content = original_archive
    original.reset(content)
    shutil.copytree(original.folder, tmp_path / "data")
    return Archive(cluster, original.name, tmp_path / "data")


@pytest.fixture(scope="module")
def second_database(cluster, migrated_template):
    """The name of another migrated database, whose journal is not sealed."""
    cluster.create_database("unsealed", template=migrated_template)
    yield "unsealed"
    cluster.drop_database("unsealed")


@pytest.fixture
def empty_archive(cluster, second_database, tmp_path):
    """An archive without entries."""
    archive = Archive(cluster, second_database, tmp_path)
    archive.reset()
    return archive
