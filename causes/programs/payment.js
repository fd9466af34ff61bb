// Payment: charges what the bank allows, and tells of charges.
const { call, log, serve, Store, work } = require("./service.js");

const charges = new Store("charges");

serve({
  "POST /charges": {
    empty: {},
    handler: async ({ operation, body }) => {
      await work(operation, 1);
      const { allowed } = await call("bank", "GET", "/allow");
      await charges.write(body.basket, { cents: body.cents, allowed });
      log.info(`charge of ${body.cents} cents for basket ${body.basket}, allowed ${allowed}`);
      return { id: `charge-${body.basket}` };
    },
  },
  "GET /charges/:order": {
    empty: {},
    handler: async ({ operation, parameter }) => {
      const charge = await charges.read(parameter);
      const { allowed } = await call("bank", "GET", "/settled");
      await work(operation, 0.5);
      log.info(`charge of order ${parameter} over ${charge?.cents ?? 0} cents, settled ${allowed}`);
      return { cents: charge?.cents ?? 0, settled: allowed };
    },
  },
});
