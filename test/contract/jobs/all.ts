/** The modules of jobs that the contract's tests register. */
import { defineJobs } from 'callsheet';

export const work = defineJobs<typeof import('./work.js')>('work', new URL('./work.js', import.meta.url));
export const inside = defineJobs<typeof import('./inside.js')>('inside', new URL('./inside.js', import.meta.url));
export const asked = defineJobs<typeof import('./asked.js')>('asked', new URL('./asked.js', import.meta.url));
export const allJobs = [work, inside, asked];
