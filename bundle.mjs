/**
 * Bundles: `node bundle.mjs package page`.
 *
 * - `package` makes the built package quick to load: puts a bundled file in the place of each entry,
 *   with the chunks that entries share, instead of all compiled modules. Types stay as compiled.
 *   `npm pack` runs it; the project's own tests and benches run the compiled modules.
 * - `page` makes the files that the page of callsheet/web loads in browsers. Each build runs it.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { build } from 'esbuild';

const root = import.meta.dirname;
const source = join(root, 'src');
const out = join(root, 'dist', 'src');

/** Entries of one build share chunks. */
const builds = [
  { format: 'cjs', entries: ['worker/entry.cts'] },
  // Its thread imports no module of users, so it needs no copy of a class that they have, too.
  { format: 'esm', entries: ['coordinator/main.ts', 'coordinator/reader.ts'] },
  {
    format: 'esm',
    entries: [
      'index.ts',
      'testing/index.ts',
      'web/index.ts',
      'otel/index.ts',
      'cli/main.ts',
      'cli/map/item.ts',
      'cli/map/again.ts',
      'worker/main.ts',
      'worker/question-thread.ts',
    ],
  },
];

/** The built files. Modules name some of them from their own place; a bundle is in another. */
const built = [
  ...builds.flatMap(({ entries }) => entries.map((entry) => entry.replace(/ts$/, 'js'))),
  'web/assets/page.js',
  'web/assets/page.css',
];
const named = /new URL\('(\.[^']+)', import\.meta\.url\)/g;
const marked = /new URL\("place:([^"]+)", import\.meta\.url\)/g;

const markPlaces = {
  name: 'mark places',
  setup: ({ onLoad }) =>
    onLoad({ filter: /\.ts$/ }, ({ path }) => ({
      loader: 'ts',
      contents: readFileSync(path, 'utf8').replace(named, (expression, name) => {
        const place = relative(source, join(dirname(path), name));
        if (built.includes(place)) return `new URL("place:${place}", import.meta.url)`;
        if (existsSync(join(source, place.replace(/js$/, 'ts'))))
          throw new Error(`${place} must be an entry: ${path} names it`);
        return expression;
      }),
    })),
};

function fillInPlaces(path, code) {
  return code.replace(marked, (_, place) => {
    const name = relative(dirname(path), join(out, place));
    return `new URL(${JSON.stringify(name.startsWith('.') ? name : `./${name}`)}, import.meta.url)`;
  });
}

async function bundlePackage() {
  const bundles = await Promise.all(
    builds.map(({ format, entries }) =>
      build({
        absWorkingDir: root,
        entryPoints: entries.map((entry) => join(source, entry)),
        outbase: source,
        outdir: out,
        outExtension: { '.js': format === 'cjs' ? '.cjs' : '.js' },
        chunkNames: 'chunks/[name]-[hash]',
        format,
        bundle: true,
        splitting: format === 'esm',
        packages: 'external',
        external: format === 'cjs' ? ['./main.js'] : [],
        // The `sideEffects` of package.json name built files, not sources.
        ignoreAnnotations: true,
        platform: 'node',
        target: 'node20.19',
        sourcemap: 'linked',
        sourcesContent: false,
        plugins: [markPlaces],
        write: false,
        logLevel: 'warning',
      }),
    ),
  );

  for (const file of readdirSync(out, { recursive: true, encoding: 'utf8' }))
    if (/\.c?js$/.test(file)) rmSync(join(out, file));
  for (const { path, text } of bundles.flatMap(({ outputFiles }) => outputFiles)) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, fillInPlaces(path, text));
  }
  // The next build must not take the bundles for its own files.
  for (const file of readdirSync(dirname(out))) if (file.endsWith('.tsbuildinfo')) rmSync(join(out, '..', file));
}

async function bundlePage() {
  await build({
    absWorkingDir: root,
    entryPoints: ['page.css', 'main.tsx'].map((name) => join(source, 'web', 'page', name)),
    outdir: join(out, 'web', 'assets'),
    entryNames: 'page',
    format: 'esm',
    bundle: true,
    minify: true,
    legalComments: 'none',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    target: ['chrome115', 'firefox115', 'safari16.4'],
    logLevel: 'warning',
  });
}

const tasks = { package: bundlePackage, page: bundlePage };
for (const task of process.argv.slice(2)) await tasks[task]();
