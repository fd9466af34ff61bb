-- A shop's tables to load from.
CREATE SCHEMA shop;
CREATE TABLE shop.customers (id serial PRIMARY KEY, name text NOT NULL, email text, city text, updated_at timestamptz NOT NULL);
CREATE TABLE shop.products (id serial PRIMARY KEY, name text NOT NULL, price numeric(10, 2) NOT NULL);
CREATE TABLE shop.orders (id serial PRIMARY KEY, customer_id int REFERENCES shop.customers, state text, ordered_at timestamptz NOT NULL);
CREATE TABLE shop.items (id serial PRIMARY KEY, order_id int REFERENCES shop.orders, product_id int REFERENCES shop.products, quantity int);
INSERT INTO shop.customers (name, email, city, updated_at) SELECT 'Customer ' || n, 'customer' || n || '@example.com', 'City ' || n % 9, timestamptz '2026-01-01' + n * interval '1 day' FROM generate_series(1, 150) n;
INSERT INTO shop.products (name, price) SELECT 'Product ' || n, n * 1.5 FROM generate_series(1, 60) n;
INSERT INTO shop.orders (customer_id, state, ordered_at) SELECT n * 7 % 150 + 1, CASE WHEN n % 5 = 0 THEN 'open' ELSE 'paid' END, timestamptz '2026-01-01' + n * interval '3 hours' FROM generate_series(1, 900) n;
INSERT INTO shop.items (order_id, product_id, quantity) SELECT n % 900 + 1, n * 11 % 60 + 1, n % 4 + 1 FROM generate_series(1, 2500) n;
