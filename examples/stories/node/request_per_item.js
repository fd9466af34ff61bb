// Shows a warehouse's shelves: the stock of each article is asked of a service.
//
// Fault:  one request for each article.
// Repair: `--fixed` asks for all articles in one.
const http = require("node:http");
const path = require("node:path");
const { trace } = require("@opentelemetry/api");

const SHELVES = 10;
const ARTICLES = Array.from({ length: 18 }, (_, index) => 100 + index);
const fixed = process.argv.includes("--fixed");
const tracer = trace.getTracer("stories");

const stock = http.createServer((request, response) => setTimeout(() => response.end('{"left":3}'), 3));

const get = (url) =>
  new Promise((resolve, reject) => {
    http.get(url, (response) => response.resume().on("end", () => resolve(response.statusCode))).on("error", reject);
  });

const where = { "code.file.path": path.relative(".", __filename), "code.function.name": "showShelf", "code.line.number": 23 };

function showShelf(base) {
  return tracer.startActiveSpan("shelf.show", { attributes: where }, async (span) => {
    if (fixed) {
      await get(`${base}/stock?articles=${ARTICLES.join(",")}`);
    } else {
      for (const article of ARTICLES) await get(`${base}/stock/${article}`);
    }
    span.end();
    return ARTICLES.length;
  });
}

stock.listen(0, "127.0.0.1", async () => {
  const base = `http://127.0.0.1:${stock.address().port}`;
  for (let shelf = 1; shelf <= SHELVES; shelf++) {
    console.log(`shelf ${shelf}: ${await showShelf(base)} articles`);
  }
  stock.close();
});
