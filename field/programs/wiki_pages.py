"""Fills django-wiki: 12 people, a tree of 90 articles that link to each other, with revisions, and attachments on some of them."""

import random

from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from wiki.models import Article, ArticleRevision, URLPath
from wiki.plugins.attachments.models import Attachment, AttachmentRevision

drawn = random.Random(8)
User = get_user_model()
chief = User.objects.create_superuser("chief", "chief@example.com", "secret")
people = [User.objects.create_user(f"writer{number}", f"writer{number}@example.com", "secret") for number in range(12)]
root = URLPath.create_root(title="The wiki", content="Welcome.\n\n[article_list depth:2]\n\nSee [[topic-1/part-2|a part]].")


def text(number):
    return (f"# About {number}\n\n[TOC]\n\n## What\n\n" + "Some **text** that says what the page is about. " * 12
            + f"\n\n## See also\n\n* [Topic](wiki:/topic-{number % 10}/)\n* [Part](wiki:/topic-{number % 10}/part-{number % 8}/)\n* <https://example.com/>\n")


for number in range(10):
    topic = URLPath.create_urlpath(root, f"topic-{number}", title=f"Topic {number}", content=text(number) + "\n[article_list depth:1]\n",
                                   article_kwargs={"owner": drawn.choice(people)})
    for part in range(8):
        page = URLPath.create_urlpath(topic, f"part-{part}", title=f"Part {part} of topic {number}", content=text(number + part),
                                      article_kwargs={"owner": drawn.choice(people)})
        for revision in range(drawn.randrange(4)):
            made = ArticleRevision(title=page.article.current_revision.title, content=text(number + part) + f"\nAdded {revision}.\n",
                                   user=drawn.choice(people), user_message="More words")
            page.article.add_revision(made)
        if part % 3 == 0:
            for file in range(2):
                attachment = Attachment.objects.create(article=page.article, original_filename=f"notes{file}.txt")
                revision = AttachmentRevision(attachment=attachment, user=drawn.choice(people), description="Notes")
                revision.file.save(f"notes{file}.txt", ContentFile(b"Some notes.\n" * 40))
                attachment.articles.add(page.article)
print(Article.objects.count(), "articles", ArticleRevision.objects.count(), "revisions")
