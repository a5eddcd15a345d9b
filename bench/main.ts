/**
 * The command line of the benches, `npm run bench`.
 */
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { benches } from './benches.js';
import { pageOf } from './harness/markdown.js';
import type { Report } from './harness/report.js';
import { Scratch } from './harness/scratch.js';
import { describeBench, describeRun } from './harness/table.js';
import { type Options, parseOptions, UsageError, usage } from './options.js';
import { describeProfile, profileCoordinator } from './profile.js';
import { runBenches } from './run.js';

// Exits normally, so that temporary files are removed.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));
process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parseOptions(args);
    if (options.help) process.stdout.write(usage);
    else if (options.list) list();
    else if (options.profile) await profile(options);
    else return isSound(await measure(options)) ? 0 : 1;
    return 0;
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`bench: ${error.message}\nTry --help.`);
      return 2;
    }
    console.error(error);
    return 1;
  }
}

function list(): void {
  for (const { name, title, onDemand } of benches) {
    console.log(`${name.padEnd(12)} ${title}${onDemand ? ' (only where it is named)' : ''}`);
  }
}

async function profile({ directory, threads, small }: Options): Promise<void> {
  const scratch = new Scratch(directory);
  process.once('exit', () => scratch.remove());
  const context = { scratch, threads: threads ?? availableParallelism() };
  process.stdout.write(describeProfile(await profileCoordinator(context, small ? 'small' : 'full')));
}

async function measure({ benches, json, markdown, rounds, threads, directory, small }: Options): Promise<Report> {
  const say = json === '-' ? () => {} : console.log;
  const report = await runBenches({
    benches,
    size: small ? 'small' : 'full',
    ...(rounds && { rounds }),
    ...(threads && { threads }),
    ...(directory && { directory }),
    onBegin: (run) => say(describeRun(run)),
    onBench: (bench) => say(describeBench(bench)),
  });
  const text = `${JSON.stringify(report, undefined, 2)}\n`;
  if (json === '-') process.stdout.write(text);
  else if (json !== undefined) writeFileSync(json, text);
  if (markdown !== undefined) writeFileSync(markdown, pageOf(report));
  return report;
}

/** Returns whether no contestant failed and no figure is void. */
function isSound({ benches }: Report): boolean {
  const rows = benches.flatMap(({ cases }) => cases.flatMap((one) => one.rows));
  return rows.every(({ status }) => status === 'measured' || status === 'absent');
}
