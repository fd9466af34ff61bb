"""The table tags."""

from yoyo import step

__depends__ = {"0002.books"}
steps = [step("CREATE TABLE tags (id SERIAL PRIMARY KEY, name TEXT NOT NULL)", "DROP TABLE tags")]
