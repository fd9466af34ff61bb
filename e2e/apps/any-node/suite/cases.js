// The same cases for each runner.
const request = require('supertest');
const app = require('../app.js');

module.exports = (test, describe, equal) => {
  test('adds', () => {
    equal(1 + 1, 2);
  });
  describe('orders', () => {
    test('lists', async () => {
      const answer = await request(app).get('/customers/7/orders/1');
      equal(answer.status, 200);
    });
    test('fails', async () => {
      await null;
      throw new Error('wrong');
    });
    test.skip('is skipped', () => {});
  });
};
