/** The jobs of figures: each run is seen by an observer outside. */
import { defineJobs } from 'callsheet';

export const seen = defineJobs<typeof import('./seen.js')>('seen', new URL('./seen.js', import.meta.url));
