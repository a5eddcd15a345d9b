/**
 * Warns once if a program has nothing left to do, but lives on for a runtime that it did not close.
 *
 * It only looks at the resources that keep the event loop alive, with a timer that does not. The
 * coordinator's thread itself must keep the process alive: otherwise test runners and other
 * programs would end while they wait for it.
 */
import { isMainThread } from 'node:worker_threads';

/**
 * Milliseconds between two looks. Two looks in a row must find the process idle, so that a program
 * between two activities is not taken for idle.
 */
const lookMs = 1_000;

/** Number of runtimes that are open in this process: each keeps it alive by one port. */
let open = 0;

/**
 * Calls `say` when only runtimes keep the process alive and no outcome is awaited. Returns a
 * function that ends the watch.
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
  // Output streams are listed but keep nothing alive. If standard input is read, there is one
  // stream more.
  const outputs = [process.stdout, process.stderr].filter((stream) => '_handle' in stream && stream._handle).length;
  const streams = alive.filter((name) => name === 'PipeWrap' || name === 'TTYWrap' || name === 'TCPSocketWrap').length;
  return ports <= open && streams <= outputs && ports + streams === alive.length;
}
