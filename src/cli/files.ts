/** `inspect` and `salvage`: the files of a journal that no process has open. */
import { basename } from 'node:path';
import { idToText } from '../codec/id.js';
import { inspectJournal } from '../journal/inspect.js';
import { RecordReader } from '../store/journal/record-reader.js';
import { salvage } from '../store/journal/salvage.js';
import { exitCodes } from './exit.js';
import { Output, type OutputOptions } from './output.js';
import { directoryOf } from './place.js';
import { count, counted, escaped, plain, queueName } from './words.js';

/** Lists the files and their damage, and counts the jobs. Returns code 1 for damage. */
export async function inspect(
  path: string | undefined,
  options: OutputOptions & { readonly directory?: string },
): Promise<number> {
  const directory = directoryOf(path ?? options.directory);
  const { files, damages } = inspectJournal(directory, new RecordReader());
  const jobs = damages.length === 0 ? await countJobs(directory) : undefined;
  const out = new Output(options);
  if (out.isJson) out.json({ directory, files, damages: damages.map(placeOf), jobs });
  else {
    for (const { name, bytes, note } of files) out.line(`${name}  ${bytes} bytes  ${note}`);
    for (const { file, offset, reason } of damages)
      out.line(`DAMAGE ${escaped(file)} at byte ${offset}: ${plain(reason)}`);
    for (const line of jobLines(jobs)) out.line(line);
    out.line(damages.length === 0 ? 'the journal is whole' : `damaged places: ${damages.length}`);
  }
  await out.end();
  return damages.length === 0 ? exitCodes.done : exitCodes.failed;
}

const placeOf = ({ file, offset, reason }: { file: string; offset: number; reason: string }) => ({
  file: basename(file),
  offset,
  reason,
});

type JobCounts = Awaited<ReturnType<typeof countJobs>>;

/** Counts the jobs of a whole journal by queue and status. */
async function countJobs(directory: string) {
  const { openReader } = await import('../runtime/open-reader.js');
  const { runtime, kept } = await openReader(directory);
  try {
    const counts = await runtime.monitor.counts({}, { by: ['queue', 'status'] });
    return { counts, lastChange: kept.to === 0 ? undefined : new Date(kept.to).toISOString() };
  } finally {
    await runtime.close();
  }
}

function jobLines(jobs: JobCounts | undefined): string[] {
  if (jobs === undefined) return ['its jobs are not counted: callsheet salvage copies those that can be read'];
  const { counts, lastChange } = jobs;
  const all = counts.reduce((sum, row) => sum + row.count, 0);
  const rows = counts.map((row) => `  ${queueName(row.queue!)}  ${count(row.count)} ${row.status}`);
  return [`${counted(all, 'job')}${lastChange === undefined ? '' : `, last change at ${lastChange}`}`, ...rows];
}

export async function salvageInto(directory: string, into: string): Promise<number> {
  const { jobs, settings, annotations, losses, leftOut } = await salvage(directory, into);
  const out = new Output({});
  for (const { file, offset, reason } of losses) out.line(`LOST ${escaped(file)} at byte ${offset}: ${plain(reason)}`);
  for (const { job, reason } of leftOut) out.line(`LEFT OUT job ${idToText(job)}: ${plain(reason)}`);
  out.line(`${jobs} jobs, ${settings} settings and ${annotations} annotations are in ${escaped(into)}`);
  await out.end();
  return losses.length + leftOut.length === 0 ? exitCodes.done : exitCodes.failed;
}
