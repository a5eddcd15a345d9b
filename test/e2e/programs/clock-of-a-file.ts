/**
 * To be imported before a program: its wall clock, in every thread, is the machine's and what the
 * file of `CLOCK_FILE` says.
 */
import { readFileSync } from 'node:fs';

const machineNow = Date.now;
Date.now = () => machineNow() + Number(readFileSync(process.env.CLOCK_FILE!, 'utf8'));
