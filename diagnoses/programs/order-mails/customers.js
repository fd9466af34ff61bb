// Addresses of customers: not ours, and not traced.
"use strict";
const http = require("node:http");

const server = http.createServer((request, response) => {
  const answer = { address: `${request.url.slice(1)}@example.invalid` };
  setTimeout(() => response.end(JSON.stringify(answer)), 15);
});
server.listen(Number(process.env.PORT), "127.0.0.1");
