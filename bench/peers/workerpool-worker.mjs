/** The trivial job in the form of a workerpool worker. */
import workerpool from 'workerpool';
import { stamp } from '../../dist/bench/jobs/stamp.js';

workerpool.worker({ stamp });
