/**
 * A module imported before a program. It shifts the wall clock of every thread by the milliseconds
 * in the file `CLOCK_FILE`.
 */
import { readFileSync } from 'node:fs';

const machineNow = Date.now;
Date.now = () => machineNow() + Number(readFileSync(process.env.CLOCK_FILE!, 'utf8'));
