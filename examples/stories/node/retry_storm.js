// Places orders; each is paid at a payment service that refuses whoever comes again too soon.
//
// Fault:  a refused payment is tried again at once, eight times if need be: the service is never left alone.
// Repair: `--fixed` waits as long as the refusal says, and longer each time.
const http = require("node:http");
const path = require("node:path");
const { trace, SpanStatusCode } = require("@opentelemetry/api");

const ORDERS = 15;
const ATTEMPTS_MAX = 8;
const PAUSE_MILLIS = 50;
const fixed = process.argv.includes("--fixed");
const tracer = trace.getTracer("stories");
const wait = (millis) => new Promise((resolve) => setTimeout(resolve, millis));

let askedAt = 0;
const payments = http.createServer((request, response) => {
  const early = Date.now() - askedAt < PAUSE_MILLIS;
  askedAt = Date.now();
  setTimeout(() => response.writeHead(early ? 503 : 200, early ? { "retry-after-ms": PAUSE_MILLIS } : {}).end(), 12);
});

const post = (url) =>
  new Promise((resolve, reject) => {
    const request = http.request(url, { method: "POST" }, (response) => response.resume().on("end", () => resolve(response)));
    request.on("error", reject).end();
  });

async function pay(url) {
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const response = await post(url);
    if (response.statusCode === 200) return attempt;
    if (fixed) await wait((Number(response.headers["retry-after-ms"]) + 1) * attempt);
  }
  throw new Error("the payment service refuses");
}

const where = { "code.file.path": path.relative(".", __filename), "code.function.name": "placeOrder", "code.line.number": 40 };

function placeOrder(url) {
  return tracer.startActiveSpan("order.place", { attributes: where }, async (span) => {
    try {
      return await pay(url);
    } catch (error) {
      span.recordException(error);
      span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
      return 0;
    } finally {
      span.end();
    }
  });
}

payments.listen(0, "127.0.0.1", async () => {
  const url = `http://127.0.0.1:${payments.address().port}/payments`;
  for (let order = 1; order <= ORDERS; order++) {
    console.log(`order ${order}: ${await placeOrder(url)} attempts`);
  }
  payments.close();
});
