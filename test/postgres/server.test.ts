import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, watch } from 'node:fs';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import pg from 'pg';
import { startOwn } from '../../bench/harness/postgres-server.js';

async function ask(url: string, text: string): Promise<Record<string, unknown>> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows[0];
  } finally {
    await client.end();
  }
}

/** Resolves when the directory is removed. */
async function directoryGone(directory: string): Promise<void> {
  const watcher = watch(directory);
  while (existsSync(directory)) await once(watcher, 'change');
  watcher.close();
}

test('a server keeps its data over a crash', async () => {
  const first = await startOwn();
  await ask(first.url, 'create table kept as select 42 as answer');
  await first.halt('INT');
  const second = await startOwn({}, first);
  assert.deepEqual(await ask(second.url, 'select answer from kept'), { answer: 42 });
  await second.stop();
  assert.equal(existsSync(second.directory), false);
});

test('a server ends with its process, even if that is killed', async () => {
  const module = JSON.stringify(new URL('../../bench/harness/postgres-server.js', import.meta.url).href);
  const start = `import(${module}).then(async ({ startOwn }) => {
    const { url, directory } = await startOwn();
    console.log(JSON.stringify({ url, directory }));
    setInterval(() => {}, 1e6);
  })`;
  const child = spawn(process.execPath, ['-e', start], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  const { url, directory } = JSON.parse(line) as { url: string; directory: string };
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  const isGone = directoryGone(directory);
  child.kill('SIGKILL');
  await new Promise<void>((resolve) => client.once('end', resolve));
  await isGone;
});
