// Node: JSON, files through the event loop's pool, and an HTTP server with its client in one process.
const fs = require("node:fs/promises");
const http = require("node:http");
const path = require("node:path");
const { context, propagation } = require("@opentelemetry/api");
const { OTLPTraceExporter } = require("@opentelemetry/exporter-trace-otlp-proto");
const { detectResources, envDetector, resourceFromAttributes } = require("@opentelemetry/resources");
const { BatchSpanProcessor, NodeTracerProvider } = require("@opentelemetry/sdk-trace-node");

const resource = detectResources({ detectors: [envDetector] }).merge(resourceFromAttributes({ "process.pid": process.pid }));
const spanProcessors = [new BatchSpanProcessor(new OTLPTraceExporter())];
const provider = new NodeTracerProvider({ resource, spanProcessors });
provider.register();
const tracer = provider.getTracer("calibration");
const run = propagation.extract(context.active(), { traceparent: process.env.TRACEPARENT ?? "" });
const more = (count) => Math.round(count * (1 + Number(process.env.CALIBRATION_EXTRA ?? 0)));

const spanned = (name, parent, work) =>
  tracer.startActiveSpan(name, {}, parent, async (span) => {
    try {
      return await work();
    } finally {
      span.end();
    }
  });
const execution = (name, work) => spanned(name, run, work);
const step = (name, work) => spanned(name, context.active(), work);

const events = Array.from({ length: 200 }, (_, id) => ({ id, kind: `kind ${id % 7}`, tags: ["a", "b", String(id)] }));
const text = JSON.stringify(events);

async function fold() {
  const counts = new Map();
  for (let round = 0; round < more(40); round++) {
    for (const event of JSON.parse(text)) counts.set(event.kind, (counts.get(event.kind) ?? 0) + 1);
    if (round % 10 === 0) await new Promise(setImmediate);
  }
  return counts.size;
}

async function store(folder) {
  const names = Array.from({ length: more(67) }, (_, number) => path.join(folder, `${number}.json`));
  await step("write", () => Promise.all(names.map((name) => fs.writeFile(name, text))));
  await step("read", () => Promise.all(names.map(async (name) => JSON.parse(await fs.readFile(name, "utf8")))));
}

const agent = new http.Agent({ keepAlive: true });
const get = (port) =>
  new Promise((resolve, reject) => {
    http.get({ port, agent, host: "127.0.0.1" }, (response) => response.resume().on("end", resolve)).on("error", reject);
  });

const server = http.createServer((request, response) => response.end(text));
server.listen(0, "127.0.0.1", async () => {
  const { port } = server.address();
  const folder = await fs.mkdtemp(path.join(process.cwd(), "events-"));
  for (let turn = 0; turn < 15; turn++) await execution("events.fold", fold);
  for (let turn = 0; turn < 10; turn++) await execution("events.store", () => store(folder));
  for (let turn = 0; turn < 10; turn++) {
    await execution("events.fetch", async () => {
      for (let request = 0; request < more(34); request++) await get(port);
    });
  }
  await fs.rm(folder, { recursive: true });
  agent.destroy();
  server.close();
  await provider.shutdown();
});
