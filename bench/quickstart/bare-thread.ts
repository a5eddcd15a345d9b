/**
 * The darts without callsheet: a worker thread that throws the number of darts in each message, and
 * answers with the sample.
 */
import { parentPort } from 'node:worker_threads';
import { generateSample } from './pi.js';

parentPort!.on('message', (size: number) => parentPort!.postMessage(generateSample(size)));
