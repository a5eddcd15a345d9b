/** The journal of a process that is killed with SIGKILL while it appends, many times. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { createInterface } from 'node:readline';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openJournal } from '../../src/journal/journal.js';
import { Collector, entry, filled, printed } from './reading.js';

const appender = fileURLToPath(new URL('appender.js', import.meta.url));

it('a killed process loses no acknowledged transaction, and leaves no other than it appended', async (t) => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'kill-test-'));
  let acknowledged = 0;
  const rounds = 6;
  try {
    for (let round = 0; round < rounds; round++) {
      const child = spawn(process.execPath, [appender, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
      const gone = once(child, 'exit');
      let lines = 0;
      for await (const line of createInterface(child.stdout)) {
        acknowledged = Number(line);
        lines += 1;
        if (lines === 5 + round * 7) child.kill('SIGKILL');
      }
      await gone;
      const collector = new Collector();
      await (await openJournal(directory, collector, { reserveBytes: 0 })).close();
      assert.ok(collector.transactions.length >= acknowledged, `${acknowledged} acknowledged`);
      for (const [index, read] of collector.transactions.entries()) {
        assert.equal(read, printed([entry(1, String(index)), filled(2, (index * 577) % 3000, index)]));
      }
    }
    t.diagnostic(`rounds: ${rounds}, acknowledged: ${acknowledged}, lost: 0`);
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
});
