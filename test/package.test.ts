/**
 * Tests the package as its users get it: packed, installed into empty projects, run and typechecked
 * there. `CALLSHEET_COMPILERS` has the older versions of TypeScript, with spaces between.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { temporaryDirectory } from './harness/temporary.js';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const typescript = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
/** The oldest supported compiler, and any others. The project's is the newest. */
const olderTypescript = (process.env.CALLSHEET_COMPILERS ?? '5.4.5').split(' ');

const aliasOf = (version: string) => `typescript-${version}`;

/** Test runners. Their tests are in `test/fixtures/packages`. */
const inBeside = join('..', 'node_modules');
const runners = [
  { name: 'vitest', packages: ['vitest@3.2.7', 'vite@7.1.12'], args: [join(inBeside, 'vitest', 'vitest.mjs'), 'run'] },
  {
    name: 'jest',
    packages: ['jest@29.7.0'],
    args: ['--experimental-vm-modules', '--no-warnings', join(inBeside, 'jest', 'bin', 'jest.js')],
  },
];

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

/** The contract's example, as TypeScript or, without its types, as JavaScript. */
const example = {
  pi: (types: boolean) => `
${types ? "import type { CompletedJobs } from 'callsheet';" : ''}
export function generateSample(size = 100_000)${types ? ': { inside: number; size: number }' : ''} {
  let inside = 0;
  for (let dart = 0; dart < size; dart++) if (Math.random() ** 2 + Math.random() ** 2 < 1) inside++;
  return { inside, size };
}
export function processSamples(samples${types ? ': CompletedJobs<{ inside: number; size: number }>' : ''}) {
  let inside = 0;
  let size = 0;
  for (const { result } of samples) {
    inside += result.inside;
    size += result.size;
  }
  return (4 * inside) / size;
}
`,
  app: (types: boolean) => `
import { open, defineJobs, parallel } from 'callsheet';
const pi = defineJobs${types ? "<typeof import('./pi.js')>" : ''}('pi', new URL('./pi.js', import.meta.url));

const callsheet = await open({ directory: './callsheet', jobs: [pi] });
const queue = callsheet.queue();
const job = await queue.put(parallel(
  [pi.generateSample(1_000_000), pi.generateSample(1_000_000)],
  { postprocess: pi.processSamples }));
console.log(await job.result());
await callsheet.close();
`,
};

describe('the package', () => {
  const directory = temporaryDirectory();
  let packed: Packed;
  /** The unpacked package. */
  const unpacked = join(directory, 'package');
  /** Each has one installation, which takes long, and projects below it that use it. */
  const alone = join(directory, 'alone');
  const beside = join(directory, 'beside');
  before(async () => {
    // Packing replaces the build, which other tests use: a copy is packed.
    const copy = join(directory, 'copy');
    mkdirSync(copy);
    for (const name of [...readdirSync(root).filter((name) => /\.(json|md|mjs)$/.test(name)), 'LICENSE', 'src'])
      cpSync(join(root, name), join(copy, name), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', directory], { cwd: copy });
    [packed] = JSON.parse(stdout.slice(stdout.indexOf('[\n'))) as [Packed];
    await run('tar', ['-xf', join(directory, packed.filename), '-C', directory]);
    await install(alone, []);
    await install(beside, [
      ...olderTypescript.map((version) => `${aliasOf(version)}@npm:typescript@${version}`),
      ...runners.flatMap(({ packages }) => packages),
    ]);
  });

  /** Installs the package, and others. They come from the cache of npm if it has them. */
  async function install(place: string, others: readonly string[]): Promise<void> {
    mkdirSync(place);
    writeFileSync(join(place, 'package.json'), JSON.stringify({ name: 'place', private: true }));
    const options = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
    await run('npm', ['install', ...options, join(directory, packed.filename), ...others], { cwd: place });
  }

  /** Creates a project that uses an installation. */
  function project(name: string, manifest: object, place = alone): string {
    const project = join(place, name);
    mkdirSync(project);
    writeFileSync(join(project, 'package.json'), JSON.stringify({ name, private: true, ...manifest }));
    return project;
  }

  /** Runs a program in a project and returns its standard output. */
  async function output(project: string, ...args: string[]): Promise<string> {
    return (await run(process.execPath, args, { cwd: project })).stdout;
  }

  function assertPi(output: string): void {
    assert.ok(Math.abs(Number(output) - Math.PI) < 0.01, output);
  }

  it('contains every file that users need, and no other', () => {
    const paths = packed.files.map(({ path }) => path);
    assert.deepEqual(paths.filter((path) => !path.startsWith('dist/')).toSorted(), [
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'package.json',
      'src/web/grafana-dashboard.json',
    ]);
    const built = paths.filter((path) => path.startsWith('dist/src/')).map((path) => path.slice('dist/src/'.length));
    const assets = built.filter((path) => path.startsWith('web/assets/'));
    assert.deepEqual(assets.toSorted(), ['web/assets/page.css', 'web/assets/page.js']);
    const code = built.filter((path) => /\.c?js$/.test(path) && !assets.includes(path));
    assert.deepEqual(code.filter((path) => !path.startsWith('chunks/')).toSorted(), [
      'cli/main.js',
      'cli/map/again.js',
      'cli/map/item.js',
      'coordinator/main.js',
      'coordinator/reader.js',
      'index.js',
      'otel/index.js',
      'testing/index.js',
      'web/index.js',
      'worker/entry.cjs',
      'worker/main.js',
      'worker/question-thread.js',
    ]);
    assert.deepEqual(
      built.filter((path) => path.endsWith('.map')).toSorted(),
      code.map((path) => `${path}.map`).toSorted(),
    );
    const types = built.filter((path) => /\.d\.c?ts$/.test(path));
    assert.equal(code.length * 2 + assets.length + types.length, paths.length - 5);
    for (const path of types)
      assert.ok(existsSync(join(root, 'src', path.replace(/\.d(\.c?ts)$/, '$1'))), `${path}: stale`);
  });

  it('maps its code to the sources, whose text it does not repeat', () => {
    for (const { path } of packed.files.filter(({ path }) => path.endsWith('.map'))) {
      const map = JSON.parse(readFileSync(join(unpacked, path), 'utf8')) as { sources: string[]; sourcesContent?: [] };
      assert.equal(map.sourcesContent, undefined, path);
      for (const source of map.sources) {
        const named = relative(unpacked, join(unpacked, path, '..', source));
        assert.match(named, /^src\//, path);
        assert.ok(existsSync(join(root, named)), `${path} names ${named}`);
      }
    }
  });

  it('lists only existing files under `sideEffects`', () => {
    const { sideEffects } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { sideEffects: string[] };
    for (const path of sideEffects) assert.ok(existsSync(join(unpacked, path)), path);
  });

  it('loads other packages in each thread only as far as the thread always needs them', () => {
    /** The packages that a file and the files below it import at once. */
    const importedBy = (file: string, found = new Set<string>(), seen = new Set<string>()): string[] => {
      seen.add(file);
      const code = readFileSync(file, 'utf8');
      for (const [, name] of code.matchAll(/^(?:import|export)\b[^'";]*['"]([^'"]+)['"];/gm)) {
        if (name!.startsWith('node:')) continue;
        const below = join(file, '..', name!);
        if (!name!.startsWith('.')) found.add(name!);
        else if (!seen.has(below)) importedBy(below, found, seen);
      }
      return [...found].sort();
    };
    const entry = (name: string) => importedBy(join(unpacked, 'dist', 'src', name));
    assert.deepEqual(entry('index.js'), ['msgpackr/pack', 'uuid']);
    assert.deepEqual(entry('web/index.js'), []);
    assert.deepEqual(entry('otel/index.js'), ['uuid']);
    assert.deepEqual(entry('worker/main.js'), ['msgpackr/pack', 'uuid']);
    assert.deepEqual(entry('coordinator/main.js'), ['msgpackr/pack', 'piscina', 'uuid']);
    assert.deepEqual(entry('coordinator/reader.js'), ['msgpackr/pack', 'uuid']);
    assert.deepEqual(entry('cli/main.js'), ['commander']);
  });

  it('[1] runs the example twice in an empty JavaScript project', async () => {
    const js = project('js', { type: 'module' });
    writeFileSync(join(js, 'pi.js'), example.pi(false));
    writeFileSync(join(js, 'app.js'), example.app(false));
    assertPi(await output(js, 'app.js'));
    assert.ok(existsSync(join(js, 'callsheet')));
    assertPi(await output(js, 'app.js'));

    for (const inside of ['dist/src/index.js', 'dist/src/core/decide.js', 'src/index.ts', 'index']) {
      const code = `import(${JSON.stringify(`callsheet/${inside}`)}).catch((error) => console.log(error.code))`;
      assert.equal((await output(js, '--input-type=module', '--eval', code)).trim(), 'ERR_PACKAGE_PATH_NOT_EXPORTED');
    }
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    const command = join(alone, 'node_modules', '.bin', 'callsheet');
    assert.equal((await output(js, command, '--version')).trim(), version);
    assert.match(await output(js, command, 'inspect', 'callsheet'), /\S/);
    await output(js, command, 'work', '--directory', 'callsheet', '--jobs', 'pi.js', '--once', '--log-level', 'silent');
    writeFileSync(join(js, 'twice.js'), 'export default (n) => 2 * n;\n');
    const mapped = ['map', 'twice.js', '--range', '1..3', '--order', 'input', '--retries', '1', '--threads', '1'];
    assert.equal(await output(js, command, ...mapped), '2\n4\n6\n');
    const page = `const { open, PeerMissingError } = await import('callsheet');
      const { web } = await import('callsheet/web');
      const callsheet = await open({ jobs: [], threads: 1, durability: 'memory' });
      const page = web(callsheet, { authorize: () => 'read' });
      for (const path of ['', 'assets/page.js', 'assets/page.css', 'api/overview'])
        console.log((await page(new Request('http://localhost/' + path))).status);
      const { instrument } = await import('callsheet/otel');
      try { instrument(callsheet); } catch (error) { console.log(error.code, error instanceof PeerMissingError); }
      await callsheet.close();`;
    assert.equal(await output(js, '--input-type=module', '--eval', page), `${'200\n'.repeat(4)}PEER_MISSING true\n`);
    const manifest =
      "console.log((await import('callsheet/package.json', { with: { type: 'json' } })).default.version)";
    assert.equal((await output(js, '--no-warnings', '--input-type=module', '--eval', manifest)).trim(), version);
  });

  it('[1] runs in a CommonJS project whose handlers are ES modules', async () => {
    const cjs = project('cjs', {});
    writeFileSync(join(cjs, 'pi.mjs'), example.pi(false));
    const url = "require('node:url').pathToFileURL(require('node:path').join(__dirname, 'pi.mjs'))";
    writeFileSync(
      join(cjs, 'app.cjs'),
      `import('callsheet').then(async ({ open, defineJobs }) => {
        const pi = defineJobs('pi', ${url});
        const callsheet = await open({ jobs: [pi], threads: 1 });
        console.log((await (await callsheet.queue().put(pi.generateSample)).result()).size);
        await callsheet.close();
      });`,
    );
    assert.equal((await output(cjs, 'app.cjs')).trim(), '100000');
  });

  it('[1] loads with `require` in a CommonJS project', async () => {
    const required = project('required', {});
    writeFileSync(join(required, 'size.cjs'), 'exports.size = (text) => text.length;');
    writeFileSync(
      join(required, 'app.cjs'),
      `const { open, defineJobs } = require('callsheet');
      const { pathToFileURL } = require('node:url');
      const text = defineJobs('text', pathToFileURL(require('node:path').join(__dirname, 'size.cjs')));
      open({ jobs: [text], threads: 1, durability: 'memory' }).then(async (callsheet) => {
        console.log(await (await callsheet.queue().put(text.size('four'))).result());
        await callsheet.close();
      });`,
    );
    assert.equal((await output(required, '--no-warnings', 'app.cjs')).trim(), '4');
  });

  it('[1] has one copy of its classes for all that a thread loads, and names its sources in stacks', async () => {
    const threads = project('threads', { type: 'module' });
    writeFileSync(
      join(threads, 'work.js'),
      `import { currentJob, NotInJobError } from 'callsheet';
      export function unsteady() {
        const job = currentJob();
        job.logger.info('from the job');
        if (job.attempt === 1) throw new RangeError('once');
        return job.attempt;
      }
      export const patient = ({ failure }) => {
        try {
          currentJob();
        } catch (error) {
          return error instanceof NotInJobError && failure.check('RangeError') && { retry: true };
        }
      };`,
    );
    writeFileSync(
      join(threads, 'app.js'),
      `import assert from 'node:assert/strict';
      import * as callsheet from 'callsheet';
      import { openVirtual } from 'callsheet/testing';
      for (const [name, value] of Object.entries(callsheet)) if (/^[A-Z]/.test(name)) assert.equal(value.name, name);
      const work = callsheet.defineJobs('work', new URL('./work.js', import.meta.url));
      const lines = [];
      const log = (fields, message) => lines.push(message);
      const logger = { level: 'info', fatal: log, error: log, warn: log, info: log };
      async function run(runtime, ended) {
        const job = await runtime.queue().put(work.unsteady, { retry: work.patient });
        await ended(job);
        assert.equal(await job.result(), 2);
        await assert.rejects(runtime.queue().put(job), callsheet.JobStatusError);
      }
      const runtime = await callsheet.open({ jobs: [work], logger, durability: 'memory', threads: 1 });
      await run(runtime, (job) => job.result());
      await runtime.close();
      assert.equal(lines.filter((line) => line === 'from the job').length, 2);
      const kit = await openVirtual({ jobs: [work] });
      await run(kit.runtime, (job) => kit.waitForStatus(job, 'completed'));
      await kit.close();
      try {
        callsheet.currentJob();
      } catch (error) {
        console.log(error.stack);
      }`,
    );
    assert.match(await output(threads, '--enable-source-maps', 'app.js'), /src\/worker\/context\.ts:\d+/);
  });

  it('[1] typechecks with the oldest and the newest compiler, and runs', async () => {
    const ts = project('ts', { type: 'module' }, beside);
    // A TypeScript project also has Node's types.
    for (const name of ['@types/node', 'undici-types'])
      cpSync(join(root, 'node_modules', name), join(ts, 'node_modules', name), { recursive: true });
    mkdirSync(join(ts, 'src'));
    writeFileSync(join(ts, 'src', 'pi.ts'), example.pi(true));
    writeFileSync(join(ts, 'src', 'app.ts'), example.app(true));
    const compilerOptions = {
      target: 'es2022',
      module: 'nodenext',
      strict: true,
      types: ['node'],
      // Also checks the package's own declarations, and those that they import.
      skipLibCheck: false,
      rootDir: 'src',
      outDir: 'out',
    };
    writeFileSync(join(ts, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['src'] }));
    const compile = (compiler: string) => run(process.execPath, [compiler, '-p', ts]);
    const compilers = [
      ...olderTypescript.map((version) => join(beside, 'node_modules', aliasOf(version), 'bin', 'tsc')),
      typescript,
    ];
    cpSync(join(root, 'test', 'types'), join(ts, 'src', 'types'), { recursive: true });
    // The two wrong files must not compile; every other file must.
    const wrong = join(ts, 'src', 'wrong.ts');
    const untyped = join(ts, 'src', 'untyped.ts');
    writeFileSync(wrong, example.app(true).replace('1_000_000', "'many'"));
    writeFileSync(untyped, example.app(true).replace("<typeof import('./pi.js')>", ''));
    for (const compiler of compilers) {
      await assert.rejects(compile(compiler), ({ stdout }: { stdout: string }) => {
        const errors = stdout.split('\n').filter((line) => line.includes('error TS'));
        const others = errors.filter((line) => !line.includes('src/wrong.ts') && !line.includes('src/untyped.ts'));
        assert.deepEqual(others, [], compiler);
        assert.match(stdout, /wrong\.ts.*TS2345/);
        assert.match(stdout, /untyped\.ts/);
        assert.match(stdout, /defineJobs needs the module's type: defineJobs<typeof import/);
        return true;
      });
    }
    rmSync(wrong);
    rmSync(untyped);
    await compile(typescript).catch(({ stdout }) => assert.fail(stdout));
    assertPi(await output(ts, 'out/app.js'));
  });

  for (const { name, args } of runners) {
    it(`[12.1] runs in tests of ${name} with mocks`, async () => {
      const tested = project(name, { type: 'module', jest: { transform: {} } }, beside);
      cpSync(join(root, 'test', 'fixtures', 'packages', name), tested, { recursive: true });
      // Node's runner sets this variable for its children, and the other runners must not see it.
      const { NODE_TEST_CONTEXT: _, ...env } = process.env;
      await run(process.execPath, args, { cwd: tested, env }).catch(({ stdout, stderr }) =>
        assert.fail(`${stdout}${stderr}`),
      );
    });
  }
});
