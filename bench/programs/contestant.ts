/**
 * A process for one contestant: opens it, measures it on each request, and closes it.
 */
import { benches } from '../benches.js';
import type { Answer, Apart, Request } from '../harness/apart.js';
import type { Entrant } from '../harness/bench.js';
import { programArguments } from '../harness/program.js';
import { Scratch } from '../harness/scratch.js';

const apart = programArguments<Apart>();
const scratch = new Scratch(apart.directory);
const { size, threads, stepsPerMs } = apart;
const contestant = benches
  .find(({ name }) => name === apart.bench)!
  .cases(size)
  .find(({ name }) => name === apart.case)!
  .contestants.find(({ name }) => name === apart.contestant)!;
let entrant: Entrant | undefined;

const requests: Record<Request, () => Promise<Answer>> = {
  async open() {
    entrant = await contestant.open({ threads, scratch, stepsPerMs });
    return { opened: { detail: entrant.detail } };
  },
  measure: async () => ({ measured: await entrant!.measure() }),
  async close() {
    await entrant?.close?.();
    return { closed: true };
  },
};

process.on('message', async (request: Request) => {
  const failed = (error: unknown): Answer => ({
    failed: error instanceof Error ? (error.stack ?? error.message) : String(error),
  });
  process.send!(await requests[request]().catch(failed));
});
