/**
 * A process that is one contestant: it opens it, and measures it each time that it is asked to.
 */
import { benches } from '../benches.js';
import type { Answer, Apart, Request } from '../harness/apart.js';
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

// Whatever it has left open, and whether or not anybody is there to ask it to close.
process.once('disconnect', () => process.exit());
const answer = (message: Answer) => process.send!(message);
const attempt = async (work: () => Promise<Answer>): Promise<void> => {
  const done = work().catch((error): Answer => ({ failed: error instanceof Error ? error.stack! : String(error) }));
  answer(await done);
};

await attempt(async () => {
  const entrant = await contestant.open({ threads, scratch, stepsPerMs });
  const requests: Record<Request, () => Promise<Answer>> = {
    measure: async () => ({ measured: await entrant.measure() }),
    close: async () => {
      await entrant.close?.();
      return { closed: true };
    },
  };
  process.on('message', (request: Request) => attempt(requests[request]));
  return { opened: { detail: entrant.detail } };
});
