#!/usr/bin/env node
/**
 * The command line: `callsheet inspect DIRECTORY` and `callsheet salvage DIRECTORY INTO`. No
 * process may have the directory open.
 *
 * Exit codes: 0 for an intact journal or a complete salvage, 1 for damage or a loss, 2 if the
 * command failed.
 */
import { parseArgs } from 'node:util';
import { idToText } from '../codec/id.js';
import { CallsheetError } from '../errors.js';
import { inspectJournal } from '../journal/inspect.js';
import { RecordReader } from '../store/journal/record-reader.js';
import { salvage } from '../store/journal/salvage.js';

const usage = `callsheet inspect DIRECTORY       lists the files of a journal and checks each for damage
callsheet salvage DIRECTORY INTO  copies the readable jobs of a damaged journal into a new one; DIRECTORY is not modified
`;

const say = (line: string) => process.stdout.write(`${line}\n`);

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  const isForeseen = error instanceof CallsheetError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS');
  process.stderr.write(`callsheet: ${isForeseen ? (error as Error).message : String((error as Error).stack)}\n`);
  process.exitCode = 2;
}

async function run(args: string[]): Promise<number> {
  const { positionals, values } = parseArgs({
    args,
    allowPositionals: true,
    options: { help: { type: 'boolean', short: 'h' } },
  });
  const [command, directory, into, ...rest] = positionals;
  if (values.help === true) {
    process.stdout.write(usage);
    return 0;
  }
  if (command === 'inspect' && directory !== undefined && into === undefined) return inspect(directory);
  if (command === 'salvage' && into !== undefined && rest.length === 0) return salvageInto(directory!, into);
  process.stderr.write(usage);
  return 2;
}

function inspect(directory: string): number {
  const { files, damages } = inspectJournal(directory, new RecordReader());
  for (const { name, bytes, note } of files) say(`${name}  ${bytes} bytes  ${note}`);
  for (const { file, offset, reason } of damages) say(`DAMAGE ${file} at byte ${offset}: ${reason}`);
  say(damages.length === 0 ? 'the journal is whole' : `damaged places: ${damages.length}`);
  return damages.length === 0 ? 0 : 1;
}

async function salvageInto(directory: string, into: string): Promise<number> {
  const { jobs, settings, annotations, losses, leftOut } = await salvage(directory, into);
  for (const { file, offset, reason } of losses) say(`LOST ${file} at byte ${offset}: ${reason}`);
  for (const { job, reason } of leftOut) say(`LEFT OUT job ${idToText(job)}: ${reason}`);
  say(`${jobs} jobs, ${settings} settings and ${annotations} annotations are in ${into}`);
  return losses.length + leftOut.length === 0 ? 0 : 1;
}
