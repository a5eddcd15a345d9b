/**
 * A timer for delays of any length. Node's own fires at once beyond 2^31 - 1 ms. Delays are counted
 * on the monotonic clock.
 */

export interface Timer {
  clear(): void;
}

const longestMs = 2 ** 31 - 1;

export function setLongTimeout(callback: () => void, delayMs: number): Timer {
  const end = performance.now() + delayMs;
  let timer: ReturnType<typeof setTimeout>;
  const wait = () => {
    const left = end - performance.now();
    timer = left > longestMs ? setTimeout(wait, longestMs) : setTimeout(callback, Math.max(0, left));
  };
  wait();
  return { clear: () => clearTimeout(timer) };
}
