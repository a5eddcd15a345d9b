/** Events across processes on a real server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CallsheetEvent, type JobEvent, open } from 'callsheet';
import type { Event } from '../../src/core/events.js';
import { Connection } from '../../src/store/postgres/connection.js';
import { tablesOf } from '../../src/store/postgres/tables.js';
import type { Database } from '../../src/store/shared/database.js';
import { realJobs, stubborn } from '../contract/real/jobs/all.js';
import { Program } from '../harness/program.js';
import { freshSchema, openDatabase, serverUrl } from './schemas.js';

const host = new URL('./programs/host.js', import.meta.url);

async function read(database: Database, listener: string, after?: string) {
  const look = database.begin('look');
  const { events } = await look.load([{ kind: 'events', listener, after }]);
  look.end();
  return events!;
}

test('[19.8] an event whose transaction commits late is read once, and not lost', async () => {
  const schema = await freshSchema();
  const database = await openDatabase(schema);
  const { happenings } = tablesOf(schema);
  const [early, late] = [await Connection.open(await serverUrl()), await Connection.open(await serverUrl())];
  const write = (connection: Connection, queue: string) => {
    const event: Event = { type: 'queue.added', at: 0, queue };
    return connection.run(`insert into ${happenings} (events) values ($1)`, [JSON.stringify([event])]);
  };
  await write(early, 'before');
  await database.addListener('one');
  const queues = async (after?: string) => {
    const { list, position } = await read(database, 'one', after);
    return { position, queues: list.map((event) => (event as { queue: string }).queue) };
  };
  await late.run('begin');
  await write(late, 'late');
  await write(early, 'early');
  const first = await queues();
  assert.deepEqual(first.queues, ['early']);
  await database.sweepEvents({ listener: 'one', position: first.position });
  await late.run('commit');
  const second = await queues(first.position);
  assert.deepEqual(second.queues, ['late']);
  assert.deepEqual((await queues(second.position)).queues, []);
  await database.sweepEvents({ listener: 'one', position: second.position });
  assert.deepEqual(await early.run(`select events from ${happenings}`), []);
  await database.removeListener('one');
  await Promise.all([early.close(), late.close()]);
});

test('[19.8] a process hears what others decide, and of one that was killed', async (t) => {
  const [postgres, schema] = [await serverUrl(), await freshSchema()];
  const client = await open({ postgres, schema, jobs: realJobs, dispatcher: false, graceMs: 0 });
  t.after(() => client.close());
  const events = client.events();
  const heard: CallsheetEvent[] = [];
  const hears = async (type: CallsheetEvent['type'], job?: string) => {
    for (;;) {
      const { value: event } = await events.next();
      heard.push(event!);
      if (event!.type === type && (job === undefined || (event as JobEvent).job === job)) return;
    }
  };
  const started = async () => {
    const program = new Program(t, host, postgres, schema);
    assert.match((await program.line()) ?? program.errors, /^open /);
    return program;
  };
  const first = await started();
  await hears('dispatcher.activated');
  const held = await client.queue().put(stubborn.ignores);
  await hears('job.started', held.id);
  await first.kill();
  await started();
  await hears('job.started', held.id);
  await held.cancel();
  await hears('job.failed', held.id);
  const ofJob = heard.filter((event) => (event as JobEvent).job === held.id).map(({ type }) => type);
  assert.deepEqual(ofJob, ['job.put', 'job.started', 'job.interrupted', 'job.started', 'job.failed']);
  await events.return();
});
