/**
 * Says once that a program has nothing left to do, and lives on for a runtime that it did not
 * close.
 *
 * It only looks at what keeps the loop alive, with a timer that does not: a coordinator's thread
 * that did not keep the process alive would have test runners and others end what waits for it.
 */
import { isMainThread } from 'node:worker_threads';

/**
 * A program that only changes from one thing to another is not taken for idle: two looks in a row
 * find nothing.
 */
const lookMs = 1_000;

/** How many runtimes are open in this process: each keeps it alive by one port. */
let open = 0;

/**
 * Calls `say` when nothing but runtimes keeps the process alive and nothing is waited for. Gives
 * what ends that.
 */
export function watchIdle(isWaitedFor: () => boolean, say: (() => void) | undefined): () => void {
  open++;
  let wasIdle = false;
  const look = () => {
    const isIdle = !isWaitedFor() && onlyRuntimes();
    if (isIdle && wasIdle) {
      clearInterval(timer);
      say?.();
    }
    wasIdle = isIdle;
  };
  const timer = isMainThread && say !== undefined ? setInterval(look, lookMs).unref() : undefined;
  return () => {
    open--;
    clearInterval(timer);
  };
}

function onlyRuntimes(): boolean {
  const alive = process.getActiveResourcesInfo();
  const ports = alive.filter((name) => name === 'MessagePort').length;
  // These are listed, and keep nothing alive; where standard input is read, there is one more.
  const outputs = [process.stdout, process.stderr].filter((stream) => '_handle' in stream && stream._handle).length;
  const streams = alive.filter((name) => name === 'PipeWrap' || name === 'TTYWrap' || name === 'TCPSocketWrap').length;
  return ports <= open && streams <= outputs && ports + streams === alive.length;
}
