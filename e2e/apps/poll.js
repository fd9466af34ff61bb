// A server and its client in one process, traced by the ordinary auto-instrumentation: no tracing code of its own.
const http = require("node:http");

const server = http.createServer((request, response) => {
  const status = request.url === "/missing" ? 404 : 200;
  setTimeout(() => response.writeHead(status).end("{}"), 5);
});

const get = (url) =>
  new Promise((resolve, reject) => {
    http.get(url, (response) => response.resume().on("end", () => resolve(response.statusCode))).on("error", reject);
  });

server.listen(0, "127.0.0.1", async () => {
  const base = `http://127.0.0.1:${server.address().port}`;
  for (const path of ["/a", "/b", "/c", "/missing"]) {
    console.log(path, await get(base + path));
  }
  server.close();
});
