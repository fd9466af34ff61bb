// What every Node service here has: a server, spans and logs, a store of files, a client, and the faults it can be
// given. A service knows nothing of a fault but what `POST /fault` says while it runs; the endpoint is not traced.
const crypto = require("node:crypto");
const fs = require("node:fs/promises");
const { context, SpanKind, SpanStatusCode, trace } = require("@opentelemetry/api");
const { SeverityNumber } = require("@opentelemetry/api-logs");
const { OTLPLogExporter } = require("@opentelemetry/exporter-logs-otlp-proto");
const { OTLPTraceExporter } = require("@opentelemetry/exporter-trace-otlp-proto");
const { registerInstrumentations } = require("@opentelemetry/instrumentation");
const { HttpInstrumentation } = require("@opentelemetry/instrumentation-http");
const { detectResources, envDetector, resourceFromAttributes } = require("@opentelemetry/resources");
const { BatchLogRecordProcessor, LoggerProvider } = require("@opentelemetry/sdk-logs");
const { BatchSpanProcessor, NodeTracerProvider } = require("@opentelemetry/sdk-trace-node");

const name = process.env.OTEL_SERVICE_NAME;
const peers = JSON.parse(process.env.CAUSES_PEERS);
const folder = process.env.CAUSES_FOLDER;
const TIMEOUT_MILLIS = 3_000;

const resource = detectResources({ detectors: [envDetector] }).merge(resourceFromAttributes({ "process.pid": process.pid }));
new NodeTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] }).register();
registerInstrumentations({
  instrumentations: [new HttpInstrumentation({ ignoreIncomingRequestHook: (request) => request.url === "/fault" })],
});
// After the instrumentation, which changes what this module gives.
const http = require("node:http");
const tracer = trace.getTracer(name);
let processor;
try {
  processor = new BatchLogRecordProcessor({ exporter: new OTLPLogExporter() });
} catch {
  processor = new BatchLogRecordProcessor(new OTLPLogExporter());
}
const logger = new LoggerProvider({ resource, processors: [processor] }).getLogger(name);

const severities = { INFO: SeverityNumber.INFO, WARN: SeverityNumber.WARN, ERROR: SeverityNumber.ERROR };
const emit = (severityText, body, attributes = {}) =>
  logger.emit({ severityNumber: severities[severityText], severityText, body, attributes, context: context.active() });
const log = {
  info: (text) => emit("INFO", text),
  warn: (text) => emit("WARN", text),
  error: (text, error) =>
    emit("ERROR", text, {
      "exception.type": error.name,
      "exception.message": error.message,
      "exception.stacktrace": error.stack,
    }),
};

// What is wrong with this service: empty, or a kind and its parameters.
let fault = {};
const has = (kind, operation) =>
  fault.kind === kind && (operation === undefined || (fault.operation ?? operation) === operation) ? fault : undefined;
const pause = (millis) => new Promise((resolve) => setTimeout(resolve, millis));

// Lets one in at a time, in the order of asking.
class Gate {
  #last = Promise.resolve();
  async through(work) {
    const before = this.#last;
    let open;
    this.#last = new Promise((resolve) => (open = resolve));
    await before;
    try {
      return await work();
    } finally {
      open();
    }
  }
}
const lock = new Gate();
const connection = new Gate();

// Something that is renewed again and again, under the lock that handlers need.
async function refresh(mine) {
  while (fault === mine) {
    await lock.through(() => pause(mine.hold_ms));
    await pause(mine.pause_ms);
  }
}

// Touches each page of a large block, and makes objects that refer to each other.
function grow({ megabytes, objects }) {
  const block = Buffer.alloc(megabytes << 20, 1);
  const ring = Array.from({ length: objects }, (_, number) => ({ number, text: `object ${number}` }));
  ring.forEach((one, number) => (one.next = ring[(number + 1) % ring.length]));
  return block.length + ring.length;
}

const mistakes = [() => undefined.rates, () => JSON.parse("{"), () => new Array(-1), () => "12,50".toFixed(2)];

// Some milliseconds of work with JSON and hashes: what a handler does itself.
async function work(operation, millis) {
  const act = () => {
    const failing = has("exception", operation);
    if (failing && Math.random() < failing.share) mistakes[failing.type]();
    const document = { lines: Array.from({ length: 60 }, (_, id) => ({ id, text: `line ${id}` })) };
    let digest = "";
    for (let round = 0; round < millis * 20; round++) {
      digest = crypto.createHash("sha256").update(digest + JSON.stringify(document)).digest("hex");
    }
    return digest;
  };
  return has("lock") ? lock.through(act) : act();
}

const spanned = (title, attributes, work) =>
  tracer.startActiveSpan(title, { kind: SpanKind.CLIENT, attributes }, async (span) => {
    try {
      return await work();
    } catch (error) {
      span.recordException(error);
      span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
      throw error;
    } finally {
      span.end();
    }
  });

// One file for each key; reading goes through an index first, which a slow disk reads many times over.
class Store {
  constructor(title) {
    this.title = title;
    const index = Array.from({ length: 2_000 }, (_, id) => ({ id, text: `${title} ${id}` }));
    this.ready = fs.writeFile(this.#path("index"), JSON.stringify(index));
  }
  #path(key) {
    return `${folder}/${name}-${this.title}-${key}.json`;
  }
  read(key) {
    return spanned(`read ${this.title}`, { "db.system.name": "files", "db.collection.name": this.title }, async () => {
      await this.ready;
      const rounds = Math.round(2 * (has("slow_dependency")?.factor ?? 1));
      for (let round = 0; round < rounds; round++) JSON.parse(await fs.readFile(this.#path("index"), "utf8"));
      return fs.readFile(this.#path(key), "utf8").then(JSON.parse, () => undefined);
    });
  }
  // Under another name first, so that nobody reads half of it.
  write(key, value) {
    return spanned(`write ${this.title}`, { "db.system.name": "files", "db.collection.name": this.title }, async () => {
      const part = `${this.#path(key)}.${crypto.randomUUID()}`;
      await fs.writeFile(part, JSON.stringify(value));
      await fs.rename(part, this.#path(key));
    });
  }
}

const once = (method, url, body, timeout) =>
  new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = text === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
    const request = http.request(url, { method, headers, agent: false }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        clearTimeout(timer);
        if (response.statusCode >= 400) return reject(new Error(`${method} ${url} answered ${response.statusCode}`));
        resolve(JSON.parse(Buffer.concat(chunks)));
      });
    });
    const timer = setTimeout(() => request.destroy(new Error(`no answer within ${timeout} ms`)), timeout);
    request.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    request.end(text);
  });

// Asks another service; a retry storm asks several times what was answered at once.
async function call(peer, method, path, body) {
  const timeout = has("config")?.timeout_ms ?? TIMEOUT_MILLIS;
  const storm = has("retry_storm");
  const attempts = 1 + (storm && Math.random() < storm.share ? storm.retries : 0);
  for (let attempt = 1; ; attempt++) {
    const answer = await once(method, peers[peer] + path, body, timeout);
    if (attempt === attempts) return answer;
    log.warn(`answer of ${peer} not accepted, attempt ${attempt} of ${attempts}`);
    await pause(storm.pause_ms);
  }
}

// Routes are "METHOD /path/:parameter"; each has a handler and what it answers where it returns too early.
function serve(routes) {
  const table = Object.entries(routes).map(([operation, route]) => {
    const [method, path] = operation.split(" ");
    return { operation, method, pattern: new RegExp(`^${path.replace(/:\w+/g, "(\\w+)")}$`), route: path, ...route };
  });
  const handle = async (route, parameter, body) => {
    if (has("early_return", route.operation) && Math.random() < (fault.share ?? 1)) return route.empty;
    const growing = has("memory");
    if (growing) grow(growing);
    const act = () => route.handler({ operation: route.operation, parameter, body });
    const reconnect = has("config")?.reconnect_ms;
    return reconnect === undefined ? act() : connection.through(() => pause(reconnect).then(act));
  };
  const server = http.createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = chunks.length > 0 ? JSON.parse(Buffer.concat(chunks)) : undefined;
    const path = request.url.split("?")[0];
    const answer = (status, value) => {
      response.writeHead(status, { "content-type": "application/json", connection: "close" });
      response.end(JSON.stringify(value));
    };
    if (path === "/fault") {
      fault = body;
      if (has("lock")) refresh(fault);
      return answer(200, {});
    }
    const route = table.find((route) => route.method === request.method && route.pattern.test(path));
    if (route === undefined) return answer(404, {});
    const span = trace.getActiveSpan();
    span?.updateName(route.operation).setAttribute("http.route", route.route);
    try {
      answer(200, await handle(route, route.pattern.exec(path)[1], body));
    } catch (error) {
      span?.recordException(error);
      log.error(`${route.operation} failed: ${error.message}`, error);
      answer(500, { error: error.message });
    }
  });
  server.listen(Number(process.env.CAUSES_PORT), "127.0.0.1", () => log.info(`${name} is ready`));
}

module.exports = { call, log, serve, Store, work };
