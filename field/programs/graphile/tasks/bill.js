// Adds up a purchase, takes its goods off the stock, and sends the bill.
module.exports = async ({ id }, helpers) => {
  const bill = await helpers.withPgClient(async client => {
    await client.query('BEGIN');
    try {
      const { rows: lines } = await client.query('SELECT p.id, p.name, p.price, l.quantity FROM purchase_line l JOIN product p ON p.id = l.product_id WHERE l.purchase_id = $1', [id]);
      const total = lines.reduce((sum, line) => sum + line.price * line.quantity, 0);
      await client.query('UPDATE product p SET stock = stock - l.quantity FROM purchase_line l WHERE l.product_id = p.id AND l.purchase_id = $1', [id]);
      const { rows: [person] } = await client.query('UPDATE person SET orders = orders + 1 WHERE id = (SELECT person_id FROM purchase WHERE id = $1) RETURNING name, email', [id]);
      await client.query('UPDATE purchase SET total = $2, billed_at = now() WHERE id = $1', [id, total]);
      await client.query('COMMIT');
      return { person, lines, total };
    } catch (error) {
      await client.query('ROLLBACK');
      throw error;
    }
  });
  const text = bill.lines.map(line => `${line.quantity} x ${line.name}: ${line.price}`).join('\n') + `\nTotal: ${bill.total}`;
  await helpers.addJob('send_mail', { to: bill.person.email, subject: `Bill ${id}`, text });
};
