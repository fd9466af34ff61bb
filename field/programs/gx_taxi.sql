-- Three months of a taxi's rides as Great Expectations' tutorials have them, and its drivers.
CREATE TABLE drivers (id serial PRIMARY KEY, name text NOT NULL, email text NOT NULL, hired date NOT NULL);
INSERT INTO drivers (name, email, hired)
  SELECT 'Driver ' || n, 'driver' || n || '@example.com', date '2015-01-01' + n FROM generate_series(1, 120) AS n;
CREATE TABLE rides (
  id serial PRIMARY KEY, vendor_id integer, driver_id integer REFERENCES drivers, pickup_datetime timestamp NOT NULL, dropoff_datetime timestamp NOT NULL,
  passenger_count integer, trip_distance numeric, rate_code_id integer, payment_type text, fare_amount numeric, tip_amount numeric, total_amount numeric);
INSERT INTO rides (vendor_id, driver_id, pickup_datetime, dropoff_datetime, passenger_count, trip_distance, rate_code_id, payment_type, fare_amount, tip_amount, total_amount)
  SELECT 1 + n % 2, 1 + n % 120, timestamp '2019-01-01' + n * interval '8 minutes', timestamp '2019-01-01' + n * interval '8 minutes' + (5 + n % 40) * interval '1 minute',
    CASE WHEN n % 500 = 0 THEN NULL ELSE n % 6 + 1 END, (n % 180) / 10.0, 1 + n % 5, (ARRAY['card', 'cash', 'none'])[1 + n % 3], 3 + n % 50, n % 7, 3 + n % 50 + n % 7
  FROM generate_series(1, 16000) AS n;
