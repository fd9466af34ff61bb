"""Settings of an Apache Superset on PostgreSQL: its own tables and the examples' in the same database."""

import os

SECRET_KEY = "a-key-that-is-long-enough-for-a-study-of-findings"
SQLALCHEMY_DATABASE_URI = f"postgresql+psycopg2://field@127.0.0.1:{os.environ['SUPERSET_DATABASE']}/field"
SQLALCHEMY_EXAMPLES_URI = SQLALCHEMY_DATABASE_URI
TALISMAN_ENABLED = False
RATELIMIT_ENABLED = False
