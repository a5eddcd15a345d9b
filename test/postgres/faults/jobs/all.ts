/** The jobs of the faults: each run leaves a line behind for an observer outside. */
import { defineJobs } from 'callsheet';

export const noted = defineJobs<typeof import('./noted.js')>('noted', new URL('./noted.js', import.meta.url));
