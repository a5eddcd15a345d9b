/**
 * Puts small jobs that are due much later, one every 20 milliseconds. Argument: `URL`. Answers each
 * message with the milliseconds of the puts since the last one.
 */
import { open } from 'callsheet';
import { slow } from '../../cli/jobs/defined.js';
import { Putting } from './putting.js';

const runtime = await open({ postgres: process.argv[2]!, jobs: [slow], dispatcher: false });
const putting = new Putting(runtime);
process.on('message', () => process.send!(putting.taken()));
process.on('disconnect', () => process.exit());
process.send!('open');
