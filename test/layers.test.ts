/**
 * The layers of the architecture, as a table: what each may import, of callsheet and of others. An
 * import that is not in the table is a decision to be made, here, by whoever needs it.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('../../src', import.meta.url));

/** From the top down: an import points to a layer further down, or stays within its own. */
const order = [
  'testing',
  'cli',
  'index',
  'runtime',
  'coordinator',
  'worker',
  'definition',
  'store',
  'journal',
  'protocol',
  'codec',
  'core',
  'errors',
] as const;
type Layer = (typeof order)[number];

interface Rule {
  readonly layers: readonly Layer[];
  /** Of these, types only. */
  readonly types?: readonly Layer[];
  readonly packages: readonly string[];
}

const rules: Record<Layer, Rule> = {
  // The users' test kit: the same runtime with other threads, another clock. Nothing imports it.
  testing: {
    layers: ['runtime', 'coordinator', 'worker', 'definition', 'store', 'protocol', 'codec', 'core', 'errors'],
    packages: ['node:'],
  },
  // Offline only: what it needs of a running process it will ask over the socket of the lock.
  cli: { layers: ['store', 'journal', 'protocol', 'codec', 'errors'], packages: ['node:'] },
  index: { layers: ['runtime', 'worker', 'definition', 'protocol', 'codec', 'errors'], types: ['core'], packages: [] },
  // The one type from the thread above which it stands is what that thread is started with:
  // `CoordinatorSetup`.
  runtime: {
    layers: ['worker', 'definition', 'protocol', 'codec', 'core', 'errors'],
    types: ['coordinator', 'store'],
    packages: ['node:', 'pino'],
  },
  // It starts the worker's file by its URL, and never imports it.
  coordinator: { layers: ['store', 'journal', 'protocol', 'codec', 'core', 'errors'], packages: ['node:', 'piscina'] },
  worker: { layers: ['definition', 'protocol', 'codec', 'errors'], types: ['core'], packages: ['node:', 'pino'] },
  // What jobs are made of before they are put, outside and inside of jobs.
  definition: { layers: ['protocol', 'codec', 'core', 'errors'], packages: ['node:'] },
  store: { layers: ['journal', 'codec', 'core', 'errors'], packages: [] },
  // Bytes only: nothing of jobs or records.
  journal: { layers: ['errors'], packages: ['node:'] },
  protocol: { layers: ['codec', 'core', 'errors'], packages: ['node:', 'msgpackr'] },
  codec: { layers: ['core', 'errors'], packages: ['node:', 'uuid'] },
  core: { layers: ['errors'], packages: [] },
  errors: { layers: [], packages: [] },
};

/** What the core must not even name: clocks, randomness, waiting, input and output. */
const impure =
  /\b(Date|performance|Math\.random|crypto|async|await|Promise|then|setTimeout|setInterval|setImmediate|queueMicrotask|process(?=\.)|Buffer|console|globalThis|fetch|require|WebAssembly|Atomics)\b/g;

interface Import {
  readonly from: string;
  readonly typeOnly: boolean;
}

/** All static imports and re-exports, and the modules that types are taken from in place. */
function importsOf(code: string): Import[] {
  const found: Import[] = [];
  for (const [, what, from] of code.matchAll(/^(?:import|export)\b([^'";]*?)\bfrom\s*['"]([^'"]+)['"]/gm)) {
    found.push({ from: from!, typeOnly: /^\s*type\b/.test(what!) });
  }
  for (const [, from] of code.matchAll(/^import\s*['"]([^'"]+)['"]/gm)) found.push({ from: from!, typeOnly: false });
  for (const [, from] of code.matchAll(/\btypeof import\(['"]([^'"]+)['"]\)/g))
    found.push({ from: from!, typeOnly: true });
  return found;
}

const withoutComments = (code: string) => code.replaceAll(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*$/gm, '');
const withoutTexts = (code: string) => code.replaceAll(/'(?:[^'\\\n]|\\.)*'/g, "''");

interface SourceFile {
  readonly path: string;
  readonly layer: Layer;
  /** Without comments. */
  readonly code: string;
}

function readSources(): SourceFile[] {
  return readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.c?ts$/.test(path))
    .map((path) => ({ path, layer: layerOf(path), code: withoutComments(readFileSync(join(source, path), 'utf8')) }));
}

function layerOf(path: string): Layer {
  const layer = path.replace(/\.[jt]s$/, '').split('/')[0] as Layer;
  assert.ok(order.includes(layer), `src/${path} is of no layer: give "${layer}" its place in the table`);
  return layer;
}

describe('the layers', () => {
  const files = readSources();

  it('are all there', () => {
    assert.deepEqual(new Set(files.map(({ layer }) => layer)), new Set(order));
  });

  it('are a table that itself points down, but for the types that it allows', () => {
    for (const [at, layer] of order.entries()) {
      for (const below of rules[layer].layers) assert.ok(order.indexOf(below) > at, `${layer} → ${below}`);
    }
  });

  for (const layer of order) {
    it(`${layer} imports what the table allows, and nothing else`, () => {
      const { layers, types = [], packages } = rules[layer];
      for (const { path, code } of files.filter((file) => file.layer === layer)) {
        for (const { from, typeOnly } of importsOf(code)) {
          const line = `src/${path} imports ${typeOnly ? 'types ' : ''}from ${from}`;
          if (!from.startsWith('.')) {
            assert.ok(
              packages.some((name) => from === name || (name === 'node:' && from.startsWith(name))),
              line,
            );
            continue;
          }
          const target = layerOf(relative(source, join(source, path, '..', from)));
          if (target === layer) continue;
          assert.ok(layers.includes(target) || (typeOnly && types.includes(target)), line);
        }
      }
    });
  }

  it('have a core without clock, randomness, waiting, input and output', () => {
    for (const { path, code } of files.filter(({ layer }) => layer === 'core' || layer === 'errors')) {
      assert.deepEqual(withoutTexts(code).match(impure) ?? [], [], `src/${path}`);
    }
  });

  it('import modules of users in the worker only: nowhere else is an import computed', () => {
    for (const { path, layer, code } of files) {
      if (layer === 'worker') continue;
      assert.deepEqual(
        code.match(/(?<!typeof )\bimport\(|\brequire\(|\bcreateRequire\b|\bnew Function\b|\beval\(/g) ?? [],
        [],
        `src/${path}`,
      );
    }
  });
});

describe('the reader of imports', () => {
  it('sees each form of them', () => {
    const code = [
      "import './a.js';",
      "import b from './b.js';",
      "import {\n  type C,\n  c,\n} from './c.js';",
      "import type { D } from './d.js';",
      "export * from './e.js';",
      "export type { F } from './f.js';",
      "export { g } from './g.js';",
      "let h: typeof import('./h.js');",
      "import * as i from 'node:i';",
    ].join('\n');
    const found = importsOf(code).map(({ from, typeOnly }) => `${from}${typeOnly ? ' (types)' : ''}`);
    assert.deepEqual(found.sort(), [
      './a.js',
      './b.js',
      './c.js',
      './d.js (types)',
      './e.js',
      './f.js (types)',
      './g.js',
      './h.js (types)',
      'node:i',
    ]);
  });

  it('sees no imports in comments, and no words in texts', () => {
    assert.deepEqual(importsOf(withoutComments("/*\nimport './a.js';\n*/\n// import './b.js';\nconst c = 1;")), []);
    assert.deepEqual(withoutTexts("f('it\\'s process', 'Date')").match(impure), null);
    assert.deepEqual('const a = Math.random() + Date.now();'.match(impure), ['Math.random', 'Date']);
  });
});
