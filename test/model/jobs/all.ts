import { defineJobs } from 'callsheet';

export const plays = defineJobs<typeof import('./play.js')>('plays', new URL('./play.js', import.meta.url));
