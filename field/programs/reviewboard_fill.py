"""For a Django shell: 12 people in four groups, 60 published review requests without code, with reviews, comments, replies and issues."""

import random

from django.contrib.auth.models import User
from reviewboard.reviews.models import GeneralComment, Group, Review, ReviewRequest

drawn = random.Random(3)
people = [User.objects.create_user(f"person{number}", f"person{number}@example.com", "secret", first_name=f"Person {number}") for number in range(12)]
groups = [Group.objects.create(name=name.lower(), display_name=name) for name in ("Design", "Server", "Docs", "Release")]
for number, person in enumerate(people):
    groups[number % 4].users.add(person)
    groups[(number + 1) % 4].users.add(person)
for number in range(60):
    request = ReviewRequest.objects.create(user=drawn.choice(people), repository=None)
    request.summary, request.description, request.testing_done, request.branch = f"Change {number}", "What changes and why. " * 10, "Ran it.", "main"
    request.public, request.status = True, "S" if number % 5 == 0 else "P"
    request.save()
    request.target_groups.add(drawn.choice(groups))
    request.target_people.add(*drawn.sample(people, 2))
    if number > 20:
        request.depends_on.add(ReviewRequest.objects.get(pk=number - 10))
    for part in range(drawn.randint(1, 4)):
        review = Review.objects.create(review_request=request, user=drawn.choice(people), body_top="In all I like it.", ship_it=part == 2, public=True)
        for line in range(3):
            comment = GeneralComment.objects.create(text=f"What about {line}?", issue_opened=line == 0, issue_status="O" if line == 0 else None)
            review.general_comments.add(comment)
            if line == 1:
                reply = Review.objects.create(review_request=request, user=request.submitter, base_reply_to=review, public=True)
                answer = GeneralComment.objects.create(text="Yes.", reply_to=comment)
                reply.general_comments.add(answer)
