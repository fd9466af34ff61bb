// A shop with Vendure, configured as its starter does, with the starter's data and the shop and admin APIs, in PostgreSQL.
//
//     node vendure_shop.js POSTGRES_PORT PORT STARTER [populate]
const path = require('path');
const { bootstrap, DefaultJobQueuePlugin, DefaultSearchPlugin, DefaultSchedulerPlugin, dummyPaymentHandler, JobQueueService, LogLevel, DefaultLogger } = require('@vendure/core');

const [database, port, starter, what] = process.argv.slice(2);
const config = {
  apiOptions: { port: Number(port), adminApiPath: 'admin-api', shopApiPath: 'shop-api' },
  authOptions: { tokenMethod: ['bearer', 'cookie'], superadminCredentials: { identifier: 'superadmin', password: 'superadmin' }, cookieOptions: { secret: 'a secret of at least thirty-two letters' } },
  dbConnectionOptions: { type: 'postgres', host: '127.0.0.1', port: Number(database), username: 'field', database: 'field', synchronize: what === 'populate', logging: false },
  paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
  importExportOptions: { importAssetsDir: path.join(starter, 'images') },
  logger: new DefaultLogger({ level: LogLevel.Warn }),
  plugins: [DefaultJobQueuePlugin.init({ useDatabaseForBuffer: true }), DefaultSearchPlugin.init({ bufferUpdates: false })],
};

async function main() {
  if (what === 'populate') {
    const { populate } = require('@vendure/core/cli');
    const app = await populate(() => bootstrap(config), require(path.join(starter, 'initial-data.json')), path.join(starter, 'products.csv'));
    await app.get(JobQueueService).start();
    await new Promise(done => setTimeout(done, 8000));
    await app.close();
    process.exit(0);
  }
  const app = await bootstrap(config);
  await app.get(JobQueueService).start();
}

main().catch(error => { console.error(error); process.exit(1); });
