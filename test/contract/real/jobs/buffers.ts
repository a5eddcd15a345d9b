/** Jobs that get buffers without a copy. */

/** Waits for a number in the first word and stores that number plus 2 in the second. */
export function answer(words: Int32Array): string {
  if (Atomics.load(words, 0) === 0) Atomics.wait(words, 0, 0, 10_000);
  Atomics.store(words, 1, Atomics.load(words, 0) + 2);
  return 'answered';
}

export const sum = (bytes: Uint8Array): number => bytes.reduce((total, byte) => total + byte, 0);

export function countAndExit(count: Int32Array): never {
  Atomics.add(count, 0, 1);
  process.exit(1);
}
