"""What a member of the forum does: looks for words, opens topics, answers, and starts a topic of their own.

    machina_member.py ADDRESS COOKIE
"""

import re
import sys
import urllib.error
import urllib.parse
import urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
token = "a" * 32


def ask(path, form=None):
    form = form and urllib.parse.urlencode(form | {"csrfmiddlewaretoken": token}).encode()
    request = urllib.request.Request(sys.argv[1] + path, form, {"Cookie": f"{sys.argv[2]}; csrftoken={token}"})
    try:
        with opener.open(request, timeout=30) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        print(path, error.code)
        return ""


for word in ("Topic", "text", "post", "member3"):
    ask(f"/forum/search/?q={word}")
forums = sorted(set(re.findall(r'href="(/forum/forum/[^"/]+/)"', ask("/forum/"))))
for forum in forums[:8]:
    topics = sorted(set(re.findall(r'href="(/forum/forum/[^"/]+/topic/(?!create)[^"/]+/)', ask(forum))))
    for topic in topics[:3]:
        ask(topic)
    if topics:
        ask(topics[0] + "post/create/")
        ask(topics[0] + "post/create/", {"subject": "Re: a question", "content": "An answer with **some** words."})
    ask(forum + "topic/create/")
    polls = {f"poll_options-{key}": value for key, value in (("TOTAL_FORMS", 0), ("INITIAL_FORMS", 0), ("MIN_NUM_FORMS", 0), ("MAX_NUM_FORMS", 30))}
    files = {f"attachment-{key}": value for key, value in (("TOTAL_FORMS", 0), ("INITIAL_FORMS", 0), ("MIN_NUM_FORMS", 0), ("MAX_NUM_FORMS", 15))}
    ask(forum + "topic/create/", {"subject": "A new topic", "content": "What do you think of it?", "topic_type": 0} | polls | files)
