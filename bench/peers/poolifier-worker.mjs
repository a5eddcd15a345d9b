/** The trivial job, as poolifier wants a worker's file to be. */
import { ThreadWorker } from 'poolifier';
import { stamp } from '../../dist/bench/jobs/stamp.js';

export default new ThreadWorker(stamp);
