/** Owns a directory for a bench. Tells the CPU that it has used when it is asked, and closes. */
import { open, type Share } from 'callsheet';
import { stamps } from '../contestants/callsheet.js';
import { programArguments, reportResult } from '../harness/program.js';

export interface OwnerWork {
  readonly directory: string;
  readonly share: Share;
  readonly threads: number;
}

const { directory, share, threads } = programArguments<OwnerWork>();
const callsheet = await open({ directory, share, threads, jobs: [stamps] });
process.on('message', async (request) => {
  if (request === 'cpu') {
    const { user, system } = process.cpuUsage();
    process.send!(user + system);
  } else {
    await callsheet.close({ graceMs: 0 });
    reportResult('closed');
  }
});
process.send!('ready');
