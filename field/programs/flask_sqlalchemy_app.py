"""The application of Flask-SQLAlchemy's quick start, with the pages of its chapter on pagination."""

import os

from flask import Flask, redirect, render_template_string, request, url_for
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(model_class=Base)
app = Flask(__name__, instance_path=os.path.abspath("instance"))
app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///project.db"
db.init_app(app)


class User(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(unique=True)
    email: Mapped[str]


with app.app_context():
    db.drop_all()
    db.create_all()

LIST = """<ul>{% for user in users %}<li><a href="{{ url_for('user_detail', id=user.id) }}">{{ user.username }}</a>{% endfor %}</ul>
{% if page %}{% for number in page.iter_pages() %}{% if number %}<a href="{{ url_for('user_pages', page=number) }}">{{ number }}</a>{% endif %}{% endfor %}{% endif %}
<a href="{{ url_for('user_list') }}">all</a> <a href="{{ url_for('user_pages') }}">pages</a>"""
ONE = """<h1>{{ user.username }}</h1>{{ user.email }}<form method="post" action="{{ url_for('user_delete', id=user.id) }}"><button>Delete</button></form>"""


@app.route("/users")
def user_list():
    users = db.session.execute(db.select(User).order_by(User.username)).scalars()
    return render_template_string(LIST, users=users)


@app.route("/users/pages")
def user_pages():
    page = db.paginate(db.select(User).order_by(User.id))
    return render_template_string(LIST, users=page.items, page=page)


@app.route("/users/create", methods=["GET", "POST"])
def user_create():
    if request.method == "POST":
        user = User(username=request.form["username"], email=request.form["email"])
        db.session.add(user)
        db.session.commit()
        return redirect(url_for("user_detail", id=user.id))
    return '<form method="post"><input name="username"><input name="email"><button>Create</button></form>'


@app.route("/user/<int:id>")
def user_detail(id):
    return render_template_string(ONE, user=db.get_or_404(User, id))


@app.route("/users/by-username/<username>")
def user_by_username(username):
    return render_template_string(ONE, user=db.one_or_404(db.select(User).filter_by(username=username)))


@app.route("/user/<int:id>/delete", methods=["GET", "POST"])
def user_delete(id):
    user = db.get_or_404(User, id)
    if request.method == "POST":
        db.session.delete(user)
        db.session.commit()
        return redirect(url_for("user_list"))
    return render_template_string(ONE, user=user)
