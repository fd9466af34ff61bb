"""A Calibre library of 120 books by 25 authors with tags, series, ratings and formats, in the folder that is named."""

import datetime
import pathlib
import sys
import uuid

from calibreweb.cps import db
from sqlalchemy import Float, create_engine, text
from sqlalchemy.orm import Session

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True)
engine = create_engine(f"sqlite:///{folder}/metadata.db", execution_options={"schema_translate_map": {"calibre": None}})
# Calibre itself keeps a number there.
db.Books.__table__.c.series_index.type = Float()
db.Base.metadata.create_all(engine)
with Session(engine) as session:
    session.add(db.Library_Id(uuid=str(uuid.uuid4())))
    authors = [db.Authors(f"Author {n}", f"{n}, Author", "") for n in range(25)]
    tags = [db.Tags(f"Tag {n}") for n in range(12)]
    series = [db.Series(f"Series {n}", f"Series {n}") for n in range(8)]
    ratings = [db.Ratings(n) for n in (2, 4, 6, 8, 10)]
    languages = [db.Languages(code) for code in ("eng", "deu", "fra")]
    publishers = [db.Publishers(f"Publisher {n}", f"Publisher {n}") for n in range(6)]
    session.add_all(authors + tags + series + ratings + languages + publishers)
    for number in range(120):
        when = datetime.datetime(2020, 1, 1) + datetime.timedelta(days=number)
        author = authors[number * 7 % 25]
        book = db.Books(f"Book {number}", f"Book {number}", author.sort, when, when, 1.0 + number % 5, when,
                        f"{author.name}/Book {number} ({number})", None, [author], [tags[number % 12], tags[number * 5 % 12]])
        book.authors.append(author)
        for tag in dict.fromkeys((number % 12, number * 5 % 12)):
            book.tags.append(tags[tag])
        book.languages.append(languages[number % 3])
        book.ratings.append(ratings[number % 5])
        book.publishers.append(publishers[number % 6])
        if number % 3 == 0:
            book.series.append(series[number // 3 % 8])
        book.uuid = str(uuid.uuid4())
        session.add(book)
        session.flush()
        session.add(db.Comments(f"<p>About book {number}.</p>", book.id))
        session.add(db.Data(book.id, "EPUB", 1000 * number, f"Book {number}"))
        if number % 2:
            session.add(db.Data(book.id, "PDF", 5000 * number, f"Book {number}"))
    session.commit()
    session.execute(text("PRAGMA user_version = 26"))
