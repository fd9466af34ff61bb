// The shop's interface for partners, as far as the import needs it: not ours, and not traced.
"use strict";
const http = require("node:http");

const pause = (millis) => new Promise((resolve) => setTimeout(resolve, millis));
const product = (sku) => ({ sku, id: Number(sku.slice(1)), variants: [1, 2, 3].map((n) => `${sku}-${n}`), cents: 995 });

const server = http.createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = chunks.length ? JSON.parse(Buffer.concat(chunks)) : {};
  const [, what, key] = request.url.split("/");
  await pause(request.method === "POST" ? 12 : 2);
  let answer = {};
  if (what === "products" && request.method === "GET") answer = product(key);
  if (what === "products" && key === "lookup") answer = body.skus.map(product);
  if (what === "variants") answer = { variant: key, factor: 1 };
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify(answer));
});
server.listen(Number(process.env.PORT), "127.0.0.1");
