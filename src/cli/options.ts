/** Options that several commands have. */
import { type Command, Option } from 'commander';
import { jobRoles, jobStatuses } from '../core/records.js';
import { countedOutcomes } from '../protocol/monitor.js';
import { duration, texts, time, words } from './values.js';

export const directoryOption = () =>
  new Option(
    '-d, --directory <path>',
    'the directory of the jobs (default: $CALLSHEET_DIRECTORY, else ./.callsheet, if it exists)',
  );

/** Adds the options that name the place of the jobs. */
export function placed(command: Command): Command {
  return command
    .addOption(directoryOption())
    .option('--postgres <url>', 'the database of the jobs, in the place of a directory (default: $CALLSHEET_POSTGRES)')
    .option('--schema <name>', 'its schema with the tables (default: $CALLSHEET_SCHEMA, else callsheet)');
}

/** Adds the options of every command that asks. */
export function asking(command: Command): Command {
  return placed(command)
    .option('--json', 'JSON for programs: a document, or a line for each row; times are ISO, durations milliseconds')
    .addOption(
      new Option('--color <when>', 'colours; NO_COLOR is obeyed').choices(['auto', 'always', 'never']).default('auto'),
    )
    .option('-q, --quiet', 'nothing beside the output')
    .option('--timeout <duration>', 'the longest time until the answer (default: 10s)', duration);
}

/** Adds the options of every command that asks what a journal can answer. */
export const looking = (command: Command) =>
  asking(command).option(
    '--at <time>',
    'as it was then, 15m ago or an ISO time, as far as the journal goes back',
    time,
  );

/** Adds the options that select jobs by queue and callable. */
export function kinds(command: Command): Command {
  return command
    .option('--queue <name>', "jobs of this queue; '*' stands for any text, '\\*' for a star; may be repeated", texts)
    .option('--callable <name>', "jobs of this function, such as 'images#*'; may be repeated", texts);
}

/** Adds the options that select jobs. */
export function filters(command: Command): Command {
  return kinds(command)
    .option('--status <status>', `one or several of ${jobStatuses.join(', ')}`, words(jobStatuses))
    .option('--failed', 'short for --outcome failure')
    .addOption(new Option('--outcome <outcome>', 'of the call').choices([...countedOutcomes]))
    .option('--error <name>', 'the name of the error, or of a class of it; may be repeated', texts)
    .addOption(new Option('--role <role>', 'of the job in its composition').choices([...jobRoles]))
    .option('--parent <id>', 'parts and callbacks of this job')
    .option('--agent <name>', 'the agent that claimed it last')
    .option('--quota <name[=key]>', 'a quota that it names')
    .option('--unique <key>', 'its unique key')
    .option('--annotation <name[=json]>', 'an annotation that it has')
    .option('--since <time>', 'put since then; if it must be over, ended since then: 15m ago, or an ISO time', time)
    .option('--until <time>', 'put, or ended, before then', time);
}
