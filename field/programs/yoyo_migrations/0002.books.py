"""The table books."""

from yoyo import step

__depends__ = {"0001.authors"}
steps = [step("CREATE TABLE books (id SERIAL PRIMARY KEY, name TEXT NOT NULL)", "DROP TABLE books")]
