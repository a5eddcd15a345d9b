/** A module that takes its time to be imported, as large ones do. */
const importMs = 1000;

await new Promise((resolve) => setTimeout(resolve, importMs));

/** Sleeps, and leaves its thread no turn. */
export function nap(ms: number): number {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  return ms;
}
