"""A spider for a small site, run by `scrapy runspider scrapy_pages.py -a start=URL -o pages.json`."""

import scrapy


class Pages(scrapy.Spider):
    name = "pages"


    def __init__(self, start, **options):
        super().__init__(**options)
        self.start_urls = [start]

    def parse(self, response):
        yield {"title": response.css("title::text").get(), "links": len(response.css("a"))}
        yield from response.follow_all(css="li a", callback=self.parse)
