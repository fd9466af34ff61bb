"""For `django-admin shell`: eight categories and 90 articles in one to three languages."""

from parler_news.models import Article, Category

categories = []
for number in range(8):
    category = Category()
    for code in ("en", "de", "fr"):
        category.set_current_language(code)
        category.name = f"Category {number} ({code})"
    category.save()
    categories.append(category)
for number in range(90):
    article = Article(category=categories[number % 8])
    for code in ("en", "de", "fr")[:1 + number % 3]:
        article.set_current_language(code)
        article.title, article.slug, article.text = f"Article {number} ({code})", f"article-{number}", "What happened. " * 20
    article.save()
