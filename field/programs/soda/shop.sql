-- A shop's data with the faults that such data has: some addresses missing, some amounts out of range, a few orders twice.
CREATE TABLE customers (id int PRIMARY KEY, name text, email text, country varchar(2), birthdate date, created_at timestamptz);
CREATE TABLE products (id int PRIMARY KEY, name text, category text, price numeric(10, 2), size text);
CREATE TABLE orders (id int, customer_id int, ordered_at timestamptz, status text, amount numeric(10, 2), note text);
CREATE TABLE order_lines (order_id int, line int, product_id int, amount int, price numeric(10, 2));
INSERT INTO customers SELECT n, 'Customer ' || n, CASE WHEN n % 50 = 0 THEN NULL ELSE 'customer' || n || '@example.com' END, (ARRAY['DE', 'FR', 'US', 'XX'])[1 + n % 4], date '1960-01-01' + n, now() - n * interval '1 hour' FROM generate_series(1, 2000) n;
INSERT INTO products SELECT n, 'Product ' || n, (ARRAY['book', 'toy', 'food'])[1 + n % 3], n % 90 + 0.5, (ARRAY['S', 'M', 'L', 'XXL'])[1 + n % 4] FROM generate_series(1, 300) n;
INSERT INTO orders SELECT n - n % 200 / 199, n % 2100 + 1, now() - n * interval '1 minute', (ARRAY['open', 'sent', 'paid', 'lost'])[1 + n % 4], n % 500 - 1, NULL FROM generate_series(1, 10000) n;
INSERT INTO order_lines SELECT n / 3 + 1, n % 3 + 1, n % 305 + 1, n % 6, n % 90 + 0.5 FROM generate_series(1, 30000) n;
