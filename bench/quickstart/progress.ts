/**
 * How far a job is: a bar on a terminal, a line now and then elsewhere.
 */

import type { Job } from 'callsheet';
import { SingleBar } from 'cli-progress';

const everyMs = 100;
/** Lines that a whole run prints where there is no terminal. */
const lines = 8;

/** Shows the job's progress until what it returns is called; that resolves once the last of it is shown. */
export function showProgress(job: Job, parts: number): () => Promise<void> {
  const display = process.stdout.isTTY ? showBar(parts) : showLines(parts);
  // A runtime that is being closed answers no more; what it was about to say is said by whoever closes it.
  const look = () => job.details().then(({ partsDone }) => display.update(partsDone), ignore);
  const timer = setInterval(look, everyMs);
  return async () => {
    clearInterval(timer);
    await look();
    display.end();
  };
}

interface Display {
  update(partsDone: number): void;
  end(): void;
}

function showBar(parts: number): Display {
  const bar = new SingleBar({ format: '{bar} {value} of {total} parts', hideCursor: true, clearOnComplete: false });
  bar.start(parts, 0);
  return { update: (partsDone) => bar.update(partsDone), end: () => bar.stop() };
}

function showLines(parts: number): Display {
  let shown = 0;
  return {
    update(partsDone) {
      const step = Math.floor((partsDone / parts) * lines);
      if (step <= shown) return;
      shown = step;
      console.log(`${partsDone} of ${parts} parts`);
    },
    end() {},
  };
}

function ignore(): void {}
