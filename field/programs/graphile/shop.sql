-- A shop: thirty products; whoever signs up is greeted by a job that a trigger asks for, as the documentation shows.
CREATE TABLE person (id serial PRIMARY KEY, name text NOT NULL, email text NOT NULL, greeted_at timestamptz, orders integer NOT NULL DEFAULT 0);
CREATE TABLE product (id serial PRIMARY KEY, name text NOT NULL, price numeric NOT NULL, stock integer NOT NULL);
CREATE TABLE purchase (id serial PRIMARY KEY, person_id integer NOT NULL REFERENCES person, total numeric, billed_at timestamptz, created_at timestamptz DEFAULT now());
CREATE TABLE purchase_line (purchase_id integer NOT NULL REFERENCES purchase, product_id integer NOT NULL REFERENCES product, quantity integer NOT NULL);
CREATE TABLE report (id serial PRIMARY KEY, made_at timestamptz DEFAULT now(), purchases integer, total numeric);
INSERT INTO product (name, price, stock) SELECT 'Product ' || n, 5 + n, 200 FROM generate_series(1, 30) n;
CREATE FUNCTION greet() RETURNS trigger AS $$
BEGIN
  PERFORM graphile_worker.add_job('greet', json_build_object('id', NEW.id));
  RETURN NEW;
END $$ LANGUAGE plpgsql VOLATILE;
CREATE TRIGGER greet AFTER INSERT ON person FOR EACH ROW EXECUTE PROCEDURE greet();
