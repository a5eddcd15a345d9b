/** Jobs of a client in another process: their CPU in both, and the time without an owner. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open, type Queue, type Runtime } from 'callsheet';
import { stamps } from './contestants/callsheet.js';
import type { Bench, Contestant, Context, Entrant } from './harness/bench.js';
import { startProgram } from './harness/program.js';
import type { OwnerWork } from './programs/owner.js';

async function startOwner(work: OwnerWork): Promise<ChildProcess> {
  const child = startProgram('owner', work);
  // A standby says so when it has become the owner.
  if (work.share === 'owner') await once(child, 'message');
  return child;
}

async function close(child: ChildProcess): Promise<void> {
  const closed = once(child, 'exit');
  child.send('close');
  await closed;
}

async function cpuOf(owner: ChildProcess | undefined): Promise<number> {
  const { user, system } = process.cpuUsage();
  if (owner === undefined) return user + system;
  const answer = once(owner, 'message');
  owner.send('cpu');
  return user + system + ((await answer)[0] as number);
}

async function runJobs(queue: Queue, jobs: number, inFlight: number): Promise<void> {
  let left = jobs;
  const runOn = async () => {
    while (left-- > 0) await (await queue.put(stamps.stamp(left))).result();
  };
  await Promise.all(Array.from({ length: inFlight }, runOn));
}

/** Jobs put by this process, and run by itself or by another. */
function jobsOf(isClient: boolean, jobs: number, inFlight: number): Contestant {
  return {
    name: isClient ? 'a client, through a socket' : 'one process',
    synced: true,
    open: async ({ scratch, threads }: Context): Promise<Entrant> => {
      const directory = scratch.newPath();
      const owner = isClient ? await startOwner({ directory, share: 'owner', threads }) : undefined;
      const runtime: Runtime = await open({
        directory,
        jobs: [stamps],
        ...(isClient ? { share: 'client' } : { threads }),
      });
      await runJobs(runtime.queue(), jobs, inFlight);
      return {
        measure: async () => {
          const [cpu, start] = [await cpuOf(owner), performance.now()];
          await runJobs(runtime.queue(), jobs, inFlight);
          const ms = performance.now() - start;
          return { figures: { 'CPU per job': ((await cpuOf(owner)) - cpu) / jobs, jobs: (jobs / ms) * 1000 } };
        },
        close: async () => {
          await runtime.close();
          if (owner !== undefined) await close(owner);
        },
      };
    },
  };
}

export const share: Bench = {
  name: 'share',
  title: 'Trivial jobs of a client in another process, CPU of both processes',
  figures: [
    { name: 'CPU per job', unit: 'µs', compared: true },
    { name: 'jobs', unit: '/s' },
  ],
  cases: (size) =>
    (size === 'full' ? [64, 1024] : [8]).map((inFlight) => ({
      name: `${inFlight} in flight`,
      contestants: [false, true].map((isClient) => jobsOf(isClient, size === 'full' ? 20_000 : 100, inFlight)),
    })),
};

/** The owner is killed. A standby takes over, while `pending` jobs wait. */
function takeoverWith(pending: number): Contestant {
  return {
    name: 'kill -9 of the owner',
    synced: true,
    open: async ({ scratch, threads }: Context): Promise<Entrant> => ({
      measure: async () => {
        const directory = scratch.newPath();
        const owner = await startOwner({ directory, share: 'owner', threads });
        const client = await open({ directory, jobs: [stamps], share: 'client' });
        const paused = await client.createQueue('paused');
        await paused.pause();
        for (let left = pending; left > 0; left -= 1000)
          await paused.putAll(Array.from({ length: Math.min(left, 1000) }, (_, at) => stamps.stamp(at)));
        await runJobs(client.queue(), 10, 1);
        const standby = await startOwner({ directory, share: 'standby', threads });
        const ready = once(standby, 'message');
        // The standby is up when it waits for the lock, which nothing tells.
        await new Promise((resolve) => setTimeout(resolve, 1500));
        const start = performance.now();
        owner.kill('SIGKILL');
        await runJobs(client.queue(), 1, 1);
        const ms = performance.now() - start;
        await ready;
        await client.close();
        await close(standby);
        return { figures: { 'first result': ms } };
      },
    }),
  };
}

export const takeover: Bench = {
  name: 'takeover',
  title: 'From the death of an owner to the first result of a standby',
  figures: [{ name: 'first result', unit: 'ms' }],
  cases: (size) =>
    (size === 'full' ? [0, 100_000] : [0]).map((pending) => ({
      name: `${pending} pending`,
      contestants: [takeoverWith(pending)],
    })),
};
