/**
 * The layers of the architecture as a table: the layers and packages that each may import. An
 * import outside the table is a design decision: change the table together with the code that needs
 * it.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('../../src', import.meta.url));

/** From the top down. A layer imports only layers below it. */
const order = [
  'page',
  'testing',
  'cli',
  'web',
  'otel',
  'index',
  'runtime',
  'coordinator',
  'worker',
  'tracing',
  'definition',
  'store',
  'journal',
  'schedule',
  'protocol',
  'codec',
  'core',
  'errors',
] as const;
type Layer = (typeof order)[number];

interface Rule {
  readonly layers: readonly Layer[];
  /** Layers whose types may be imported, and nothing else. */
  readonly types?: readonly Layer[];
  readonly packages: readonly string[];
}

const rules: Record<Layer, Rule> = {
  // Runs in browsers. It knows the shapes of the data that the web layer sends; a bundle with a
  // module of Node fails.
  page: {
    layers: ['web'],
    types: ['runtime', 'definition', 'protocol', 'core'],
    packages: ['preact', 'preact/hooks'],
  },
  // The users' test kit: the runtime with other threads and another clock. Nothing imports it.
  testing: {
    layers: [
      'runtime',
      'coordinator',
      'worker',
      'definition',
      'store',
      'schedule',
      'protocol',
      'codec',
      'core',
      'errors',
    ],
    packages: ['node:'],
  },
  // Each command is loaded when it is used: looking at files loads no runtime. The job module of
  // `map` needs `currentJob`.
  cli: {
    layers: ['web', 'runtime', 'worker', 'definition', 'store', 'journal', 'protocol', 'codec', 'core', 'errors'],
    packages: ['node:', 'commander', 'csv-parse', 'pino'],
  },
  // The page. It sees a runtime as its users do.
  web: { layers: ['definition', 'protocol', 'codec', 'errors'], types: ['runtime', 'core'], packages: ['node:'] },
  // Traces. It sees a runtime as its users do, and through a seam at puts and runs.
  otel: {
    layers: ['tracing', 'definition', 'protocol', 'errors'],
    types: ['runtime'],
    packages: ['@opentelemetry/api'],
  },
  index: { layers: ['runtime', 'worker', 'definition', 'protocol', 'codec', 'errors'], types: ['core'], packages: [] },
  // The only type from the coordinator is `CoordinatorSetup`, with which its thread is started. A
  // client finds the socket of an owner through the journal.
  runtime: {
    layers: ['worker', 'definition', 'schedule', 'journal', 'protocol', 'codec', 'core', 'errors'],
    types: ['coordinator', 'store'],
    packages: ['node:', 'pino'],
  },
  // Starts the worker's file by its URL, and never imports it.
  coordinator: {
    layers: ['store', 'journal', 'schedule', 'protocol', 'codec', 'core', 'errors'],
    packages: ['node:', 'piscina'],
  },
  worker: {
    layers: ['tracing', 'definition', 'protocol', 'codec', 'errors'],
    types: ['core'],
    packages: ['node:', 'pino', '@opentelemetry/api'],
  },
  // The spans of runs, in the threads of jobs and outside. The package is loaded when it is used.
  tracing: { layers: ['protocol', 'codec'], packages: ['node:', '@opentelemetry/api'] },
  // Descriptions of jobs before they are put, used both outside and inside of jobs.
  definition: { layers: ['protocol', 'codec', 'core', 'errors'], packages: ['node:'] },
  // The driver of PostgreSQL is loaded when a runtime asks for it.
  store: { layers: ['journal', 'codec', 'core', 'errors'], packages: ['pg'] },
  // Knows bytes only, neither jobs nor records.
  journal: { layers: ['errors'], packages: ['node:'] },
  // Computes ticks. Imported when there is a schedule.
  schedule: { layers: ['core'], packages: ['croner'] },
  protocol: { layers: ['codec', 'core', 'errors'], packages: ['node:', 'msgpackr/pack'] },
  codec: { layers: ['core', 'errors'], packages: ['node:', 'uuid'] },
  core: { layers: ['errors'], packages: [] },
  errors: { layers: [], packages: [] },
};

/**
 * Rooms inside of a layer. Each may import only these folders and files of `src`, which include
 * its own.
 */
const rooms: Readonly<Record<string, readonly string[]>> = {
  // Data structures.
  'core/collections/': ['core/collections/'],
  // Knows records, no transition.
  'core/state/': ['core/state/', 'core/collections/', 'core/records.ts'],
};

/** The circles of imports that are true recursions, and stay. Any other circle fails the test. */
const circles: readonly (readonly string[])[] = [
  // The end of a job makes its callbacks and its whole go on, which start, end and make jobs.
  ['core/callback.ts', 'core/composite.ts', 'core/job.ts'],
  // Types only. A job call has callbacks and options; both hold callables, which make job calls.
  [
    'definition/callable.ts',
    'definition/callbacks.ts',
    'definition/job-call.ts',
    'definition/options.ts',
    'definition/own-policies.ts',
  ],
  // Types only. A composition refuses a map as a part; a map makes a part of each item.
  ['definition/compose.ts', 'definition/map.ts'],
];

/** Names that the core must not use: clocks, randomness, waiting, input and output. */
const impure =
  /\b(Date|performance|Math\.random|crypto|async|await|Promise|then|setTimeout|setInterval|setImmediate|queueMicrotask|process(?=\.)|Buffer|console|globalThis|fetch|require|WebAssembly|Atomics)\b/g;

interface Import {
  readonly from: string;
  readonly typeOnly: boolean;
}

/** Returns all imports and re-exports by name, and the modules of `typeof import()` types. */
function importsOf(code: string): Import[] {
  const found: Import[] = [];
  for (const [, what, from] of code.matchAll(/^(?:import|export)\b([^'";]*?)\bfrom\s*['"]([^'"]+)['"]/gm)) {
    found.push({ from: from!, typeOnly: /^\s*type\b/.test(what!) });
  }
  for (const [, from] of code.matchAll(/^import\s*['"]([^'"]+)['"]/gm)) found.push({ from: from!, typeOnly: false });
  for (const [, from] of code.matchAll(/\btypeof import\(['"]([^'"]+)['"]\)/g))
    found.push({ from: from!, typeOnly: true });
  for (const [, from] of code.matchAll(/(?<!typeof )\bimport\('([^']+)'\)/g))
    found.push({ from: from!, typeOnly: false });
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
    .filter((path) => /\.c?tsx?$/.test(path))
    .map((path) => ({ path, layer: layerOf(path), code: withoutComments(readFileSync(join(source, path), 'utf8')) }));
}

function layerOf(path: string): Layer {
  if (path.startsWith('web/page/')) return 'page';
  const layer = path.replace(/\.[jt]s$/, '').split('/')[0] as Layer;
  assert.ok(order.includes(layer), `src/${path} must belong to a layer: add "${layer}" to the table`);
  return layer;
}

/** The files of `src` that a file imports, types included unless `accepts` refuses them. */
function targetsOf({ path, code }: SourceFile, accepts: (one: Import) => boolean = () => true): string[] {
  return importsOf(code)
    .filter((one) => one.from.startsWith('.') && accepts(one))
    .map(({ from }) => relative(source, join(source, path, '..', from)).replace(/\.js$/, '.ts'))
    .map((target) => (existsSync(join(source, target)) ? target : target.replace(/\.ts$/, '.tsx')));
}

/** The sets of more than one file that reach each other by imports (Tarjan), sorted. */
function circlesOf(imports: ReadonlyMap<string, readonly string[]>): string[][] {
  const found: string[][] = [];
  const order = new Map<string, number>();
  const path: string[] = [];
  /** Returns the least order of a file on the path that `file` reaches. */
  const visit = (file: string): number => {
    const own = order.size;
    order.set(file, own);
    path.push(file);
    let least = own;
    for (const target of imports.get(file) ?? []) {
      if (!order.has(target)) least = Math.min(least, visit(target));
      else if (path.includes(target)) least = Math.min(least, order.get(target)!);
    }
    if (least < own) return least;
    const circle = path.splice(path.indexOf(file));
    if (circle.length > 1) found.push(circle.sort());
    return least;
  };
  for (const file of imports.keys()) if (!order.has(file)) visit(file);
  return found.sort(([a], [b]) => (a! < b! ? -1 : 1));
}

describe('the layers', () => {
  const files = readSources();

  it('are exactly those of the table', () => {
    assert.deepEqual(new Set(files.map(({ layer }) => layer)), new Set(order));
  });

  it('form a table that points down only, apart from types', () => {
    for (const [at, layer] of order.entries()) {
      for (const below of rules[layer].layers) assert.ok(order.indexOf(below) > at, `${layer} → ${below}`);
    }
  });

  for (const layer of order) {
    it(`${layer} imports only what the table allows`, () => {
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

  it('have rooms that import only the files listed for them', () => {
    for (const [room, known] of Object.entries(rooms)) {
      const inside = files.filter(({ path }) => path.startsWith(room));
      assert.notEqual(inside.length, 0, `src/${room} is empty`);
      for (const file of inside) {
        for (const target of targetsOf(file))
          assert.ok(
            known.some((one) => target === one || (one.endsWith('/') && target.startsWith(one))),
            `src/${file.path} imports src/${target}`,
          );
      }
    }
  });

  it('have no circle of imports other than the listed ones, types included', () => {
    const imports = new Map(files.map((file) => [file.path, targetsOf(file)]));
    assert.deepEqual(circlesOf(imports), circles);
  });

  it('have one circle of imports at runtime, that of jobs, callbacks and compositions', () => {
    const imports = new Map(files.map((file) => [file.path, targetsOf(file, ({ typeOnly }) => !typeOnly)]));
    assert.deepEqual(circlesOf(imports), circles.slice(0, 1));
  });

  it('let only the files that open or repair a journal import from store/journal', () => {
    const room = 'store/journal/';
    const outside = files.filter(
      (file) => !file.path.startsWith(room) && targetsOf(file).some((target) => target.startsWith(room)),
    );
    assert.deepEqual(outside.map(({ path }) => path).sort(), [
      'cli/files.ts',
      'coordinator/main.ts',
      'coordinator/reader.ts',
      'store/postgres/promote.ts',
    ]);
  });

  it('keep clock, randomness, waiting, input and output out of the core', () => {
    for (const { path, code } of files.filter(({ layer }) => layer === 'core' || layer === 'errors')) {
      assert.deepEqual(withoutTexts(code).match(impure) ?? [], [], `src/${path}`);
    }
  });

  it('compute an import only where users’ modules and optional packages are loaded', () => {
    const loading = [
      'cli/job-modules.ts',
      'cli/logger.ts',
      'cli/map/item.ts',
      'tracing/load.ts',
      'store/postgres/connection.ts',
    ];
    for (const { path, layer, code } of files) {
      if (layer === 'worker' || loading.includes(path)) continue;
      assert.deepEqual(
        code.match(/(?<!typeof )\bimport\((?!'\.)|\brequire\(|\bcreateRequire\b|\bnew Function\b|\beval\(/g) ?? [],
        [],
        `src/${path}`,
      );
    }
  });
});

describe('the search for circles', () => {
  it('finds each set of files that reach each other, once', () => {
    const imports = { a: ['b'], b: ['c', 'd'], c: ['a'], d: ['e'], e: ['f'], f: ['e', 'missing'], g: ['a'] };
    assert.deepEqual(circlesOf(new Map(Object.entries(imports))), [
      ['a', 'b', 'c'],
      ['e', 'f'],
    ]);
  });
});

describe('the reader of imports', () => {
  it('sees every form of import', () => {
    const code = [
      "import './a.js';",
      "import b from './b.js';",
      "import {\n  type C,\n  c,\n} from './c.js';",
      "import type { D } from './d.js';",
      "export * from './e.js';",
      "export type { F } from './f.js';",
      "export { g } from './g.js';",
      "let h: typeof import('./h.js');",
      "await import('./j.js');",
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
      './j.js',
      'node:i',
    ]);
  });

  it('ignores imports in comments, and words in string literals', () => {
    assert.deepEqual(importsOf(withoutComments("/*\nimport './a.js';\n*/\n// import './b.js';\nconst c = 1;")), []);
    assert.deepEqual(withoutTexts("f('it\\'s process', 'Date')").match(impure), null);
    assert.deepEqual('const a = Math.random() + Date.now();'.match(impure), ['Math.random', 'Date']);
  });
});
