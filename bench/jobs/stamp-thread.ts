/**
 * The trivial job on a bare worker thread: a message for each job, and one back.
 */
import { parentPort } from 'node:worker_threads';
import { stamp } from './stamp.js';

parentPort!.on('message', (number: number) => parentPort!.postMessage([number, stamp(number)]));
