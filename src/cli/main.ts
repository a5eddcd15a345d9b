#!/usr/bin/env node
/**
 * The command line. Each command has a file of its own, which is loaded when it is used.
 *
 * Exit codes are in `exit.ts`.
 */
import { readFileSync } from 'node:fs';
import { Argument, Command, CommanderError, Option } from 'commander';
import { askWith } from './asking.js';
import { completions, type Shell, shells } from './completions.js';
import { exitCodeOf, exitCodes, messageOf } from './exit.js';
import { addLookCommands } from './look-commands.js';
import { asking, directoryOption, looking, placed } from './options.js';
import { unwritable } from './standard-output.js';
import { addSteerCommands } from './steer-commands.js';
import {
  address,
  agentSize,
  args,
  bytes,
  count,
  duration,
  halt,
  percent,
  port,
  range,
  thresholds,
  timeLimit,
} from './values.js';
import { escaped } from './words.js';

const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const program = new Command('callsheet')
  .description('Durable jobs on the threads of this machine.')
  .version(version, '-V, --version')
  .exitOverride()
  .showHelpAfterError('(callsheet --help lists the commands)');

program.commandsGroup('Run:');
placed(program.command('work').description('run jobs until a signal stops it'))
  .requiredOption(
    '-j, --jobs <[name=]file...>',
    'files that export modules of defineJobs(); or job modules themselves, under the name of the file or the one given',
  )
  .option('--threads <n>', 'threads (default: one for each processor)', count(1, 1024))
  .option('--concurrency <n>', 'the most jobs that run at a time in each queue (default: the threads)', count(1))
  .option('--agent <queue=size...>', 'the most jobs that run at a time in one queue', agentSize, [])
  .option('--grace <duration>', 'how long running jobs may go on after the first signal', duration, 30_000)
  .option('--health-file <path>', 'a file that is written every five seconds while the worker is well')
  .option('--standby', 'wait until the process that has the directory open has ended')
  .option('--once', 'end when no job is left to run')
  .option('--web <[host:]port>', 'serve the page; the log has one-time links to it', address)
  .option('--write', 'with --web: its visitors may act')
  .addOption(new Option('--durability <level>', 'of the jobs that its jobs put').choices(['full', 'process', 'memory']))
  .addOption(new Option('--log-level <level>', 'the lowest level that is logged').choices(thresholds).default('info'))
  .addOption(
    new Option('--log-format <format>', 'pretty needs the package pino-pretty')
      .choices(['auto', 'pretty', 'json'])
      .default('auto'),
  )
  .action(async (options) => exit(await (await import('./work.js')).work(options)));

program
  .command('map')
  .description(
    'call a function for each item of an input, on all cores; the same command goes on after any interruption',
  )
  .argument('<file#function>', 'a function of a module; its default export if none is named')
  .option('-i, --input <file...>', 'files with the items, a line each; - is standard input (default)')
  .option('--ndjson', 'each line is a JSON value')
  .option('-0, --null', 'items end with a null character')
  .option('--csv', 'each record of CSV is an item, an object by the names in the first record')
  .option('--range <from..to[:step]>', 'the items are numbers', range)
  .option('--args <json>', 'an array of the arguments, in which "{}" is the item and "{n}" its number', args)
  .option('-o, --output <file>', 'a file for a JSON record of each item; by default standard output gets the results')
  .addOption(new Option('--order <order>', 'of the output').choices(['input', 'done']).default('done'))
  .option('--errors <file>', 'a file for the records of failed items')
  .option('--joblog <file>', 'a file with the columns of GNU parallel')
  .option('--postprocess <[file]#function>', 'gets all completed items at the end; its result is the output')
  .option('--threads <n>', 'threads (default: one for each processor)', count(1, 1024))
  .option('--retries <n>', 'how often an item that fails is tried again', count(0), 0)
  .option('--backoff <duration>', 'before the first retry; it doubles with each, up to a minute', duration, 1000)
  .option('--timeout <duration|n%>', 'of one item; n% is a part of the median so far', timeLimit)
  .option('--halt <when>', 'never, or now|soon,fail=N or N%: stop when so many items have failed', halt)
  .option('--memfree <size>', 'begin no item while less memory is free, such as 500M or 2G', bytes)
  .option('--load <n%>', 'begin no item while the load of the processors is higher', percent)
  .option('-d, --directory <path>', 'where the state of the run is kept (default: below ./.callsheet-map)')
  .option('--fresh', 'forget an interrupted run of this command')
  .option('--retry-failed', 'run the items again that have failed')
  .option('--keep', 'keep the state when all items have succeeded')
  .action(async (target, options) => exit(await (await import('./map/map.js')).map(target, options)));

program.helpCommand(false);
program
  .command('help', { hidden: true })
  .argument('[command]')
  .action((name?: string) => {
    const found = program.commands.find((command) => command.name() === name);
    if (name !== undefined && found === undefined) program.error(`error: unknown command '${escaped(name)}'`);
    (found ?? program).help();
  });

const ask = askWith(exit);
addLookCommands(program, ask);
addSteerCommands(program, (options, use, needs) => ask(options, use, { ...needs, owner: true }));

program.commandsGroup('Look:');
placed(program.command('web').description('serve a page that shows it all, until a signal'))
  .option('--host <host>', 'the name or address at which it is served', '127.0.0.1')
  .option('--port <port>', '0 is any free one', port, 7070)
  .option('--write', 'visitors may act, not only look')
  .option('--show-values', 'show arguments, results and annotations, not only their sizes')
  .action(async (options) => exit(await (await import('./web.js')).web(options)));

program.commandsGroup('Directory:');
program
  .command('inspect')
  .description('list the files of a journal, check each for damage, and count its jobs')
  .argument('[directory]', 'a directory that no process has open (default: as for other commands)')
  .addOption(directoryOption())
  .option('--json', 'a JSON document')
  .action(async (path, options) => exit(await (await import('./files.js')).inspect(path, options)));

program
  .command('salvage')
  .description('copy the readable jobs of a damaged journal into a new one')
  .argument('<directory>', 'the damaged journal, which is not modified')
  .argument('<into>', 'a new directory')
  .action(async (path, into) => exit(await (await import('./files.js')).salvageInto(path, into)));

program
  .command('migrate')
  .description('make the tables of callsheet in a PostgreSQL database, or bring them up to this version')
  .option('--postgres <url>', 'a connection string (default: $CALLSHEET_POSTGRES, else $DATABASE_URL)')
  .option('--schema <name>', 'the schema of the tables (default: $CALLSHEET_SCHEMA, else callsheet)')
  .option('--json', 'a JSON document')
  .action(async (options) => exit(await (await import('./migrate.js')).migrateTables(options)));

program
  .command('promote')
  .description('move the jobs of a directory that no process has open into a PostgreSQL database')
  .argument('<directory>', 'their directory, which no process can open afterwards')
  .option('--postgres <url>', 'a connection string (default: $CALLSHEET_POSTGRES)')
  .option('--schema <name>', 'a schema with empty tables (default: $CALLSHEET_SCHEMA, else callsheet)')
  .option('--json', 'a JSON document')
  .action(async (path, options) => exit(await (await import('./promote.js')).promoteDirectory(path, options)));

asking(program.command('check').description('find what waits for functions that job modules do not have'))
  .requiredOption('-j, --jobs <[name=]file...>', 'the files of the job modules, as for work')
  .action(async (options) => {
    const { check } = await import('./check.js');
    await ask(options, (session) => check(session, options.jobs));
  });

looking(program.command('history').description('how far back the journal goes; with --at, the status then')).action(
  async (options) => {
    const { history } = await import('./look/history.js');
    await ask({ ...options, at: options.at ?? new Date() }, (session) => history(session, options.at !== undefined));
  },
);

program
  .command('completions')
  .description('print a script that completes commands and options in a shell')
  .addArgument(new Argument('<shell>', 'source <(callsheet completions bash)').choices([...shells]))
  .action((shell: Shell) => {
    process.stdout.write(`${completions(program, shell)}\n`);
  });

let isOutputBroken = false;
process.stdout.on('error', (error) => {
  // The output of a command listens, too, and throws the error.
  if (!isOutputBroken && process.stdout.listenerCount('error') === 1)
    process.stderr.write(`callsheet: ${messageOf(unwritable('standard output', error))}\n`);
  isOutputBroken = true;
  process.exitCode = exitCodes.output;
});
// Without standard error there is no place for a message, but the exit code stays.
process.stderr.on('error', () => {});

/** A file of the user that was imported may keep the process alive, with a runtime of its own. */
const longestEndMs = 1_000;

/** Ends with this code, or with 7 if standard output could not be written. */
function exit(code: number): void {
  process.exitCode = isOutputBroken ? exitCodes.output : code;
  setTimeout(() => process.exit(), longestEndMs).unref();
}

try {
  await program.parseAsync();
} catch (error) {
  // commander has written its message, or the help that was asked for.
  if (error instanceof CommanderError) exit(error.exitCode === 0 ? 0 : exitCodes.usage);
  else {
    process.stderr.write(`callsheet: ${messageOf(error)}\n`);
    exit(exitCodeOf(error));
  }
}
