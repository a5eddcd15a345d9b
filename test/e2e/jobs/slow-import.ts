/** A module that takes long to import, as large ones do. */
const importMs = 1000;

await new Promise((resolve) => setTimeout(resolve, importMs));

/** Sleeps without yielding its thread. */
export function nap(ms: number): number {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  return ms;
}
