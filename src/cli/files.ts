/** `inspect` and `salvage`: the files of a journal that no process has open. */
import { idToText } from '../codec/id.js';
import { inspectJournal } from '../journal/inspect.js';
import { RecordReader } from '../store/journal/record-reader.js';
import { salvage } from '../store/journal/salvage.js';
import { exitCodes } from './exit.js';

const say = (line: string) => process.stdout.write(`${line}\n`);

export function inspect(directory: string): number {
  const { files, damages } = inspectJournal(directory, new RecordReader());
  for (const { name, bytes, note } of files) say(`${name}  ${bytes} bytes  ${note}`);
  for (const { file, offset, reason } of damages) say(`DAMAGE ${file} at byte ${offset}: ${reason}`);
  say(damages.length === 0 ? 'the journal is whole' : `damaged places: ${damages.length}`);
  return damages.length === 0 ? exitCodes.done : exitCodes.failed;
}

export async function salvageInto(directory: string, into: string): Promise<number> {
  const { jobs, settings, annotations, losses, leftOut } = await salvage(directory, into);
  for (const { file, offset, reason } of losses) say(`LOST ${file} at byte ${offset}: ${reason}`);
  for (const { job, reason } of leftOut) say(`LEFT OUT job ${idToText(job)}: ${reason}`);
  say(`${jobs} jobs, ${settings} settings and ${annotations} annotations are in ${into}`);
  return losses.length + leftOut.length === 0 ? exitCodes.done : exitCodes.failed;
}
