"""The table loans."""

from yoyo import step

__depends__ = {"0004.readers"}
steps = [step("CREATE TABLE loans (id SERIAL PRIMARY KEY, name TEXT NOT NULL)", "DROP TABLE loans")]
