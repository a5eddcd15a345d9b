/** The trivial job, as workerpool wants a worker's file to be. */
import workerpool from 'workerpool';
import { stamp } from '../../dist/bench/jobs/stamp.js';

workerpool.worker({ stamp });
