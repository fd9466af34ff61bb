"""Reviews pull requests: a language model is asked about each changed file.

Fault:  each file's review is awaited before the next one is asked for, though none needs another's answer.
Repair: `--fixed` asks for all of them at once.
"""

import asyncio
import sys

import model
from traced import traced

PULL_REQUESTS = 12
# Bytes of each changed file: what is asked about.
FILES = {"parser.py": 9_000, "lexer.py": 4_000, "README.md": 1_500, "test_parser.py": 6_000}


async def review_file(address, path, size):
    messages = [{"role": "user", "content": f"Review {path}:\n" + "x = parse(line)\n" * (size // 16)}]
    return await asyncio.to_thread(model.chat, address, messages)


@traced("review.pull_request")
async def review_pull_request(address, fixed):
    reviews = [review_file(address, path, size) for path, size in FILES.items()]
    if fixed:
        return await asyncio.gather(*reviews)
    return [await review for review in reviews]


async def main():
    address = model.serve()
    for number in range(PULL_REQUESTS):
        reviews = await review_pull_request(address, fixed="--fixed" in sys.argv)
        print(f"pull request {number + 1}: {len(reviews)} files reviewed")


asyncio.run(main())
