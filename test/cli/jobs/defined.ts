/** The definitions that a command finds in the exports of this file. */
import { defineJobs } from 'callsheet';

export const slow = defineJobs<typeof import('./slow.js')>('slow', new URL('./slow.js', import.meta.url));
