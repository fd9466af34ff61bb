// Starts a server, sends it requests, and ends it: `node places_ask.mjs PORT 'GET /a,POST /b' -- COMMAND …`.
import { spawn } from "node:child_process";

const [port, list, , ...command] = process.argv.slice(2);
const server = spawn(command[0], command.slice(1), { stdio: "ignore" });
const base = `http://127.0.0.1:${port}`;
for (let tries = 0; tries < 100; tries += 1) {
  const up = await fetch(base).then(() => true, () => false);
  if (up) break;
  await new Promise((done) => setTimeout(done, 100));
}
for (const request of list.split(",")) {
  const [method, path] = request.split(" ");
  const body = ["POST", "PUT", "PATCH"].includes(method) ? JSON.stringify({ t: "b" }) : undefined;
  const answer = await fetch(base + path, { method, body, headers: { "content-type": "application/json" } }).catch(() => undefined);
  console.log(method, path, answer?.status);
}
server.kill("SIGTERM");
