"""The table authors."""

from yoyo import step

__depends__ = {}
steps = [step("CREATE TABLE authors (id SERIAL PRIMARY KEY, name TEXT NOT NULL)", "DROP TABLE authors")]
