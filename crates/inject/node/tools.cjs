'use strict';
// Owns: which processes are tools. A tool makes no spans: it hands the environment on to the program that it starts.
//
// It looks at the script's path and at Node's own options, never at a file's content.

const fs = require('fs');
const path = require('path');

/** Packages whose commands are tools: package managers, compilers, bundlers, linters, watchers, wrappers of commands. */
const PACKAGES = new Set([
  'npm', 'npx', 'pnpm', 'yarn', '@yarnpkg/cli-dist', 'corepack', 'bun', 'node-gyp', 'npm-check-updates',
  'typescript', 'tsx', 'esbuild', '@swc/cli', '@babel/cli', 'tsup', 'tsc-watch', 'vue-tsc', 'sass', 'postcss-cli',
  'webpack', 'webpack-cli', 'webpack-dev-server', 'rollup', 'rolldown', 'vite', 'parcel', 'terser', 'tailwindcss', '@tailwindcss/cli',
  'eslint', 'prettier', 'stylelint', '@biomejs/biome', 'oxlint', 'xo', 'standard', 'husky', 'lint-staged', '@commitlint/cli',
  'nodemon', 'concurrently', 'npm-run-all', 'npm-run-all2', 'cross-env', 'dotenv-cli', 'env-cmd', 'wait-on', 'rimraf',
  'turbo', 'nx', 'lerna', 'c8', 'nyc', 'vitest', 'playwright', 'wireit', 'changeset', '@changesets/cli', 'typedoc', 'jsdoc',
]);

/** True where the process runs a tool, or only starts the processes that run tests. */
function isTool({ argv, execArgv, env }) {
  if (execArgv.includes('--test')) return !env.NODE_TEST_CONTEXT && !runsTestsItself(execArgv);
  const script = argv[1];
  if (!script) return false;
  // Vitest's own process starts the processes and threads that run tests.
  if (/[\\/]vitest[\\/]dist[\\/]workers[\\/]/.test(script)) return false;
  const name = packageOf(script) ?? packageOf(resolved(script));
  return name !== null && PACKAGES.has(name);
}

/** `node --test` starts a process for each file, unless it was asked not to. */
function runsTestsItself(execArgv) {
  return execArgv.some((argument) => /^--(experimental-)?test-isolation=none$/.test(argument));
}

/** The package that a file belongs to; null outside of `node_modules`, and for the links in `.bin`. */
function packageOf(file) {
  const parts = file.split(/[\\/]/);
  const at = parts.lastIndexOf('node_modules');
  if (at < 0 || parts[at + 1] === '.bin') return null;
  const first = parts[at + 1] ?? '';
  return first.startsWith('@') ? `${first}/${parts[at + 2]}` : first;
}

/** Where a link such as `/usr/bin/npm` leads. */
function resolved(script) {
  try {
    return fs.realpathSync(path.resolve(script));
  } catch {
    return script;
  }
}

module.exports = { isTool };
