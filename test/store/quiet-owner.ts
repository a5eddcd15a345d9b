import type { StoreOwner } from '../../src/store/store.js';

/** An owner that waits for nothing. */
export const quietOwner: StoreOwner = {
  release: () => {},
  awaits: () => false,
  awaited: () => ({ outcomes: [], annotations: [], events: false }),
  heard: () => {},
  changed: () => {},
  repaired: () => {},
  gone: () => {},
  fatal: (error) => {
    throw error;
  },
};
