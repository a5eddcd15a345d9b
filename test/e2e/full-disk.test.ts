/** A real file system, in a mount of its own, that is filled and freed. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '../harness/temporary.js';

const program = fileURLToPath(new URL('programs/full-disk.js', import.meta.url));
const sizeMiB = 300;

/**
 * Options of `unshare` for a mount that only the program sees and that ends with it. On most
 * systems a user without the right to mount may do so in a namespace.
 */
const namespace = process.getuid?.() === 0 ? ['--mount'] : ['--mount', '--user', '--map-root-user'];
const canMount =
  process.platform === 'linux' &&
  spawnSync('unshare', [...namespace, 'mount', '-t', 'tmpfs', 'callsheet', '/mnt'], { stdio: 'ignore' }).status === 0;

it('[9.1] refuses puts on a full disk, lets running jobs complete, and takes puts again once it has room', {
  skip: canMount ? false : 'NOT TESTED HERE: this user may not mount a file system, not even in a namespace',
  timeout: 240_000,
}, (t) => {
  const outside = temporaryDirectory();
  const place = join(outside, 'small');
  mkdirSync(place);
  const script = `mount -t tmpfs -o size=${sizeMiB}m callsheet "$1" && exec "$2" "$3" "$1" "$4"`;
  const { status, stdout, stderr } = spawnSync(
    'unshare',
    [...namespace, 'sh', '-c', script, 'sh', place, process.execPath, program, outside],
    { encoding: 'utf8', timeout: 200_000, killSignal: 'SIGKILL' },
  );
  assert.equal(status, 0, stderr);
  const said = JSON.parse(stdout);
  t.diagnostic(stdout.trim());
  assert.equal(said.lost, 0);
  assert.ok(said.refused >= 50);
  assert.equal(said.completedWhileFull, 2);
  assert.ok(said.snapshots > said.snapshotsBefore);
});
