import assert from 'node:assert';
import test, { describe } from 'node:test';
import cases from './cases.js';

cases(test, describe, assert.equal);
test('parent', async (context) => {
  await context.test('child', () => {});
});
test('to do', { todo: true }, () => {
  throw new Error('later');
});
test('slow', { timeout: 20 }, () => new Promise((resume) => setTimeout(resume, 500)));
