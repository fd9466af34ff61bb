-- The tables of drizzle_northwind.js, as drizzle-kit would make them.
CREATE TABLE customers (id serial PRIMARY KEY, company text NOT NULL, contact text NOT NULL, city text, country text);
CREATE TABLE employees (id serial PRIMARY KEY, name text NOT NULL, title text, recipient_id integer REFERENCES employees);
CREATE TABLE suppliers (id serial PRIMARY KEY, company text NOT NULL, city text);
CREATE TABLE products (id serial PRIMARY KEY, name text NOT NULL, price double precision NOT NULL, stock integer NOT NULL, supplier_id integer NOT NULL REFERENCES suppliers);
CREATE TABLE orders (id serial PRIMARY KEY, placed timestamp DEFAULT now(), ship_name text, customer_id integer NOT NULL REFERENCES customers, employee_id integer NOT NULL REFERENCES employees);
CREATE TABLE order_details (order_id integer NOT NULL REFERENCES orders, product_id integer NOT NULL REFERENCES products, price double precision NOT NULL, quantity integer NOT NULL, PRIMARY KEY (order_id, product_id));
CREATE INDEX ON orders (customer_id);
CREATE INDEX ON products (supplier_id);
CREATE INDEX ON order_details (order_id);
