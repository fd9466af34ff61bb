"""CPU-bound, in C: documents become JSON, are compressed, hashed, and read back."""

import hashlib
import json
import random
import zlib

from tracing import execution, more, step

WORDS = ["trace", "span", "service", "latency", "error", "queue", "socket", "cache", "index", "batch"]
chance = random.Random(2)
documents = [
    {"id": number, "words": chance.choices(WORDS, k=60), "sizes": [chance.random() for _ in range(30)]}
    for number in range(250)
]

packed = []
for _ in range(20):
    with execution("archive.pack"):
        count = more(200)
        with step("encode"):
            texts = [json.dumps(document).encode() for document in documents[:count]]
        with step("compress"):
            packed = [zlib.compress(text, 6) for text in texts]
        with step("hash"):
            digest = hashlib.sha256(b"".join(texts)).hexdigest()
for _ in range(20):
    with execution("archive.unpack"):
        read = [json.loads(zlib.decompress(item)) for item in packed]
print(digest, len(read))
