/**
 * pino, loaded when a logger is first made: most threads make none, and loading it is a good part
 * of a thread's start. Loggers are made synchronously, hence `require`.
 */
import { createRequire } from 'node:module';

const requireHere = createRequire(import.meta.url);

export const loadPino = (): typeof import('pino') => requireHere('pino') as typeof import('pino');
