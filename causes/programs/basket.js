// Baskets: what is in them, one line more, taken for an order, and emptied.
const { call, log, serve, Store, work } = require("./service.js");

const LINES_MAX = 10;
const baskets = new Store("baskets");

serve({
  "GET /baskets/:basket": {
    empty: {},
    handler: async ({ operation, parameter }) => {
      const lines = (await baskets.read(parameter)) ?? [];
      await work(operation, 0.5);
      log.info(`basket ${parameter} has ${lines.length} lines`);
      return { lines };
    },
  },
  "POST /baskets/:basket/lines": {
    empty: {},
    handler: async ({ operation, parameter, body }) => {
      const lines = ((await baskets.read(parameter)) ?? []).slice(1 - LINES_MAX);
      lines.push({ item: body.item });
      const { cents } = await call("pricing", "POST", "/quote", { lines });
      await work(operation, 1);
      await baskets.write(parameter, lines);
      log.info(`item ${body.item} into basket ${parameter}, now ${cents} cents`);
      return { cents };
    },
  },
  "POST /baskets/:basket/take": {
    empty: {},
    handler: async ({ operation, parameter }) => {
      const lines = (await baskets.read(parameter)) ?? [];
      const { cents } = await call("pricing", "POST", "/quote", { lines });
      await work(operation, 1);
      log.info(`basket ${parameter} taken with ${lines.length} lines`);
      return { lines, cents };
    },
  },
  // What is ordered is no longer in the basket. Asked twice it does the same.
  "DELETE /baskets/:basket": {
    empty: {},
    handler: async ({ parameter }) => {
      await baskets.write(parameter, []);
      log.info(`basket ${parameter} is empty`);
      return {};
    },
  },
});
