import { describe, expect, test } from 'vitest';
import cases from './cases.js';

cases(test, describe, (one, other) => expect(one).toBe(other));
