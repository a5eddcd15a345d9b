/** `callsheet promote`: moves the jobs of a directory into a PostgreSQL database. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { machineDisk } from '../journal/disk.js';
import { acquireLock } from '../journal/lock.js';
import { surveyJournal } from '../journal/survey.js';
import { promote } from '../store/postgres/promote.js';
import { CommandError, exitCodes } from './exit.js';
import { isOfRun } from './map/directory.js';
import { Output } from './output.js';
import { databaseOf, type PlaceOptions, placeName } from './place.js';
import { counted, escaped } from './words.js';

export interface PromoteOptions extends Omit<PlaceOptions, 'directory'> {
  readonly json?: boolean;
}

export async function promoteDirectory(path: string, options: PromoteOptions): Promise<number> {
  const { postgres = process.env.CALLSHEET_POSTGRES, json = false } = options;
  if (!postgres) throw new CommandError(exitCodes.usage, 'no database: name one with --postgres or CALLSHEET_POSTGRES');
  const place = databaseOf(postgres, options.schema);
  const directory = resolve(path);
  if (!existsSync(directory)) throw new CommandError(exitCodes.unreachable, `there is no directory ${directory}`);
  if (isOfRun(directory))
    throw new CommandError(exitCodes.unreachable, `${directory} is the directory of a \`callsheet map\` run`);
  surveyJournal(machineDisk, directory);
  const lock = await acquireLock(directory, { promotes: true });
  const to = placeName(place);
  const out = new Output({ json });
  try {
    const counts = await promote(lock, place.postgres, place.schema, to);
    if (json) out.json({ directory, database: to, before: counts === undefined, ...counts });
    else if (counts === undefined) out.line(`the jobs of ${escaped(directory)} have moved before`);
    else {
      const { jobs, settings, annotations } = counts;
      const all = [counted(jobs, 'job'), counted(settings, 'setting'), counted(annotations, 'annotation')];
      out.line(`${all.join(', ')} have moved to ${escaped(to)}`);
    }
  } finally {
    await lock.release();
  }
  await out.end();
  return exitCodes.done;
}
