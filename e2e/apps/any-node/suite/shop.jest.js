const cases = require('./cases.js');

cases(test, describe, (one, other) => expect(one).toBe(other));
