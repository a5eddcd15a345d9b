/** The trivial job in the form of a poolifier worker. */
import { ThreadWorker } from 'poolifier';
import { stamp } from '../../dist/bench/jobs/stamp.js';

export default new ThreadWorker(stamp);
