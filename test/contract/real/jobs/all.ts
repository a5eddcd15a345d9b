/** The job modules of the contract's tests on real threads. */
import { defineJobs } from 'callsheet';

export const marking = defineJobs<typeof import('./marking.js')>('marking', new URL('./marking.js', import.meta.url));
export const stubborn = defineJobs<typeof import('./stubborn.js')>(
  'stubborn',
  new URL('./stubborn.js', import.meta.url),
);
export const within = defineJobs<typeof import('./within.js')>('within', new URL('./within.js', import.meta.url));
export const buffers = defineJobs<typeof import('./buffers.js')>('buffers', new URL('./buffers.js', import.meta.url));
export const deciding = defineJobs<typeof import('./deciding.js')>(
  'deciding',
  new URL('./deciding.js', import.meta.url),
);
export const realJobs = [marking, stubborn, within, buffers, deciding];
