import type { Records } from './store.js';

/** Returns what `look` returned or threw as data, since the caller sends it later. */
export function lookAt<T>(
  records: Records,
  look: (records: Records) => T,
): { readonly error?: Error; readonly seen?: T } {
  try {
    return { seen: look(records) };
  } catch (error) {
    return { error: error as Error };
  }
}
