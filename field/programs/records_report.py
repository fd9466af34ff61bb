"""A library's reports by Records: records_report.py DATABASE-PORT"""

import sys

import records

db = records.Database(f"postgresql+psycopg://field@127.0.0.1:{sys.argv[1]}/field")
print(db.get_table_names())
books = db.query("SELECT id, title, pages, author_id FROM books ORDER BY pages DESC LIMIT 20")
print(books.export("csv")[:80])
for author in db.query("SELECT * FROM authors WHERE country = :country ORDER BY name", country="Country 3"):
    best = db.query("SELECT b.title, avg(r.stars) AS stars FROM books b JOIN reviews r ON r.book_id = b.id WHERE b.author_id = :author GROUP BY b.id ORDER BY stars DESC LIMIT 1", author=author.id).first()
    print(author.name, best and best.title)
db.bulk_query("INSERT INTO tags (name) VALUES (:name) ON CONFLICT DO NOTHING", [{"name": f"shelf {n}"} for n in range(10)])
print(db.query("SELECT count(*) AS n FROM tags").one().n, db.query("SELECT * FROM reviews WHERE stars = 5").all()[0].text)
