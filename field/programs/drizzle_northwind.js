// The trader that Drizzle's own comparisons use (customers, employees, suppliers, products, orders), served over HTTP.
//   drizzle_northwind.js DATABASE PORT
// Lists use its query builder, single things with what belongs to them its relational queries, and orders are placed in a transaction.
const modules = process.env.PLACE + '/node_modules/';
const { drizzle } = require(modules + 'drizzle-orm/node-postgres');
const { alias, foreignKey, integer, pgTable, primaryKey, serial, text, timestamp, doublePrecision } = require(modules + 'drizzle-orm/pg-core');
const { asc, count, desc, eq, ilike, relations, sql, sum } = require(modules + 'drizzle-orm');
const { Pool } = require(modules + 'pg');
const http = require('http');
const [database, port] = process.argv.slice(2);

const customers = pgTable('customers', {
  id: serial('id').primaryKey(), company: text('company').notNull(), contact: text('contact').notNull(), city: text('city'), country: text('country'),
});
const employees = pgTable('employees', {
  id: serial('id').primaryKey(), name: text('name').notNull(), title: text('title'), recipientId: integer('recipient_id'),
}, (table) => [foreignKey({ columns: [table.recipientId], foreignColumns: [table.id] })]);
const suppliers = pgTable('suppliers', { id: serial('id').primaryKey(), company: text('company').notNull(), city: text('city') });
const products = pgTable('products', {
  id: serial('id').primaryKey(), name: text('name').notNull(), price: doublePrecision('price').notNull(), stock: integer('stock').notNull(),
  supplierId: integer('supplier_id').notNull().references(() => suppliers.id),
});
const orders = pgTable('orders', {
  id: serial('id').primaryKey(), placed: timestamp('placed').defaultNow(), shipName: text('ship_name'),
  customerId: integer('customer_id').notNull().references(() => customers.id), employeeId: integer('employee_id').notNull().references(() => employees.id),
});
const details = pgTable('order_details', {
  orderId: integer('order_id').notNull().references(() => orders.id), productId: integer('product_id').notNull().references(() => products.id),
  price: doublePrecision('price').notNull(), quantity: integer('quantity').notNull(),
}, (table) => [primaryKey({ columns: [table.orderId, table.productId] })]);

const schema = {
  customers, employees, suppliers, products, orders, details,
  employeesRelations: relations(employees, ({ one }) => ({ recipient: one(employees, { fields: [employees.recipientId], references: [employees.id] }) })),
  suppliersRelations: relations(suppliers, ({ many }) => ({ products: many(products) })),
  productsRelations: relations(products, ({ one }) => ({ supplier: one(suppliers, { fields: [products.supplierId], references: [suppliers.id] }) })),
  customersRelations: relations(customers, ({ many }) => ({ orders: many(orders) })),
  ordersRelations: relations(orders, ({ one, many }) => ({
    customer: one(customers, { fields: [orders.customerId], references: [customers.id] }), details: many(details),
  })),
  detailsRelations: relations(details, ({ one }) => ({
    order: one(orders, { fields: [details.orderId], references: [orders.id] }), product: one(products, { fields: [details.productId], references: [products.id] }),
  })),
};
const db = drizzle(new Pool({ connectionString: database }), { schema });

const pageOf = (url) => ({ limit: Number(url.searchParams.get('limit') ?? 50), offset: Number(url.searchParams.get('offset') ?? 0) });
const totals = () => db.select({
  id: orders.id, placed: orders.placed, shipName: orders.shipName,
  lines: count(details.productId), quantity: sum(details.quantity).mapWith(Number),
  total: sql`sum(${details.quantity} * ${details.price})`.mapWith(Number),
}).from(orders).leftJoin(details, eq(details.orderId, orders.id)).groupBy(orders.id).$dynamic();

async function place(body) {
  return db.transaction(async (tx) => {
    const [order] = await tx.insert(orders).values({ customerId: body.customer, employeeId: body.employee, shipName: body.name }).returning();
    for (const { product, quantity } of body.lines) {
      const [changed] = await tx.update(products).set({ stock: sql`${products.stock} - ${quantity}` }).where(eq(products.id, product)).returning();
      await tx.insert(details).values({ orderId: order.id, productId: product, price: changed.price, quantity });
    }
    return order;
  });
}

const routes = {
  'GET /customers': (url) => db.select().from(customers).orderBy(asc(customers.id)).limit(pageOf(url).limit).offset(pageOf(url).offset),
  'GET /customers/:id': (url, id) => db.query.customers.findFirst({ where: eq(customers.id, id), with: { orders: { limit: 10, orderBy: desc(orders.placed) } } }),
  'POST /customers': async (url, id, body) => (await db.insert(customers).values(body).returning())[0],
  'PATCH /customers/:id': async (url, id, body) => (await db.update(customers).set(body).where(eq(customers.id, id)).returning())[0],
  'GET /search-customers': (url) => db.select().from(customers).where(ilike(customers.company, `%${url.searchParams.get('term')}%`)),
  'GET /employees': (url) => db.query.employees.findMany({ ...pageOf(url), orderBy: asc(employees.id) }),
  'GET /employees/:id': async (url, id) => {
    const recipient = alias(employees, 'recipient');
    return (await db.select().from(employees).leftJoin(recipient, eq(recipient.id, employees.recipientId)).where(eq(employees.id, id)))[0];
  },
  'GET /suppliers': (url) => db.query.suppliers.findMany({ ...pageOf(url), with: { products: { columns: { id: true, name: true } } } }),
  'GET /suppliers/:id': (url, id) => db.query.suppliers.findFirst({ where: eq(suppliers.id, id) }),
  'GET /products': async (url) => ({
    total: await db.$count(products), products: await db.select().from(products).orderBy(asc(products.id)).limit(pageOf(url).limit).offset(pageOf(url).offset),
  }),
  'GET /products/:id': (url, id) => db.query.products.findFirst({ where: eq(products.id, id), with: { supplier: true } }),
  'GET /search-products': (url) => db.select().from(products).where(ilike(products.name, `%${url.searchParams.get('term')}%`)),
  'GET /orders': (url) => totals().orderBy(desc(orders.id)).limit(pageOf(url).limit).offset(pageOf(url).offset),
  'GET /orders/:id': (url, id) => db.query.orders.findFirst({ where: eq(orders.id, id), with: { customer: true, details: { with: { product: true } } } }),
  'POST /orders': (url, id, body) => place(body),
  'DELETE /orders/:id': (url, id) => db.transaction(async (tx) => {
    await tx.delete(details).where(eq(details.orderId, id));
    await tx.delete(orders).where(eq(orders.id, id));
    return { deleted: id };
  }),
};

async function fill() {
  const some = (amount, make) => Array.from({ length: amount }, (_, n) => make(n));
  await db.insert(customers).values(some(90, (n) => ({ company: `Company ${n}`, contact: `Contact ${n}`, city: `City ${n % 20}`, country: 'Germany' })));
  await db.insert(employees).values(some(20, (n) => ({ name: `Employee ${n}`, title: 'Sales', recipientId: n ? Math.floor(n / 2) + 1 : null })));
  await db.insert(suppliers).values(some(30, (n) => ({ company: `Supplier ${n}`, city: `City ${n % 20}` })));
  await db.insert(products).values(some(80, (n) => ({ name: `Product ${n}`, price: 5 + n / 4, stock: 500, supplierId: n % 30 + 1 })));
  await db.insert(orders).values(some(600, (n) => ({ customerId: n % 90 + 1, employeeId: n % 20 + 1, shipName: `Ship ${n % 7}` })));
  await db.insert(details).values(some(1800, (n) => ({ orderId: Math.floor(n / 3) + 1, productId: (n * 7) % 80 + 1, price: 5, quantity: n % 9 + 1 })));
}

(async () => {
  await fill();
  http.createServer(async (request, response) => {
    const url = new URL(request.url, 'http://localhost');
    const [, thing, id] = url.pathname.split('/');
    const answer = routes[`${request.method} /${thing}${id ? '/:id' : ''}`];
    try {
      let text = '';
      for await (const part of request) text += part;
      const value = answer && await answer(url, id && Number(id), text ? JSON.parse(text) : undefined);
      response.statusCode = value === undefined ? 404 : 200;
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify(value ?? null));
    } catch (error) {
      console.error(error);
      response.statusCode = 500;
      response.end();
    }
  }).listen(Number(port), '127.0.0.1');
})();
