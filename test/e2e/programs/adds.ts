/** Runs one job and prints its result. */
import { open } from 'callsheet';
import { numbers } from '../jobs/all.js';

const callsheet = await open({ jobs: [numbers], threads: 1 });
console.log(await (await callsheet.queue().put(numbers.add(20, 22))).result());
await callsheet.close();
