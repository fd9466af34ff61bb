"""For `django-admin shell`: 150 posts with two to five of 40 tags."""

import random

from taggit_blog.models import Post

drawn = random.Random(8)
words = [a + b for a in ("red ", "old ", "new ", "quick ", "") for b in ("bread", "garden", "music", "python", "travel", "books", "film", "tea")]
for number in range(150):
    post = Post.objects.create(title=f"Post {number}", slug=f"post-{number}", description="Some words that say what it is about. " * 4)
    post.tags.add(*drawn.sample(words, drawn.randint(2, 5)))
