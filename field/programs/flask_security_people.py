"""What the example's own `create_users` makes, and thirty more people with five blogs each; run in the example's folder."""

from app import Blog, create_app, create_users, db
from flask_security import hash_password

app = create_app()
with app.app_context():
    create_users()
    for number in range(30):
        person = app.security.datastore.create_user(email=f"person{number}@me.com", password=hash_password("a good easy question"), roles=["user"])
        db.session.add_all(Blog(title=f"Blog {number}.{blog}", text="words " * 50, user=person) for blog in range(5))
    db.session.commit()
