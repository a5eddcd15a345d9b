/**
 * The progress of a job: a bar on a terminal, a few lines elsewhere.
 */

import type { Job } from 'callsheet';
import { SingleBar } from 'cli-progress';

const everyMs = 100;
/** Lines of a whole run without a terminal. */
const lines = 8;

/**
 * Shows progress until the returned function is called; that resolves after the last update.
 */
export function showProgress(job: Job, parts: number): () => Promise<void> {
  const display = process.stdout.isTTY ? showBar(parts) : showLines(parts);
  // A closing runtime does not answer. The caller that closes it reports the end.
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
