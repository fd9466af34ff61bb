"""The table readers."""

from yoyo import step

__depends__ = {"0003.tags"}
steps = [step("CREATE TABLE readers (id SERIAL PRIMARY KEY, name TEXT NOT NULL)", "DROP TABLE readers")]
