/** The commands that look at jobs and change nothing. */
import type { Command } from 'commander';
import { Option } from 'commander';
import { countFields, failureFields, jobOrders } from '../protocol/monitor.js';
import type { Ask } from './asking.js';
import { asking, filters, kinds, looking } from './options.js';
import type { AskOptions } from './session.js';
import { count, duration, step, texts, time, words } from './values.js';

export function addLookCommands(program: Command, ask: Ask): void {
  program.commandsGroup('Look:');
  looking(program.command('status').description('the runtime, its queues and what runs')).action(
    async (options: AskOptions) => {
      const { status } = await import('./look/status.js');
      await ask(options, status);
    },
  );

  asking(program.command('watch').description('the same, live; ? shows the keys, q quits'))
    .option('--interval <duration>', 'between two looks, from 250ms (default: 500ms; without a terminal 10s)', duration)
    .option('--limit <n>', 'without a terminal: end after this number of snapshots', count(1))
    .action(async (options) => {
      const { watch } = await import('./watch/watch.js');
      await ask(options, (session) => watch(session, options), { owner: true, waits: true });
    });

  looking(filters(program.command('jobs').description('list jobs')))
    .option('--limit <n>', 'the most jobs', count(1), 20)
    .addOption(new Option('--order <order>', 'claim: the line of one queue').choices([...jobOrders]).default('newest'))
    .option('--cursor <cursor>', 'go on behind the last list')
    .option('--with-next', 'with --json: a last line with the cursor, if there is more')
    .action(async (options) => {
      const { jobs } = await import('./look/jobs.js');
      await ask(options, (session) => jobs(session, options));
    });

  looking(program.command('job').description('one job in full, with its parts and callbacks'))
    .argument('<id>', 'its id, or the first digits')
    .option('--arguments', 'also its arguments')
    .option('--result', 'also its result or its failure')
    .option('--log', 'also the last lines that it logged')
    .option('--wait', 'wait for its outcome, for --timeout if that is given; code 1 if it failed')
    .action(async (id, options) => {
      const { job } = await import('./look/job.js');
      await ask(options, (session) => job(session, id, options), { waits: options.wait === true });
    });

  looking(kinds(program.command('counts').description('count the jobs that are remembered')))
    .option('--by <field,…>', `one or several of ${countFields.join(', ')} (default: queue,status)`, words(countFields))
    .action(async (options) => {
      const { counts } = await import('./look/counts.js');
      await ask(options, (session) => counts(session, options));
    });

  asking(kinds(program.command('stats').description('what was put, started and ended, with waits and runs')))
    .option('--since <time>', '15m ago, or an ISO time (default: all that is kept, two weeks)', time)
    .option('--until <time>', 'before then', time)
    .option('--step <duration>', 'a row for each step, from a minute', step)
    .action(async (options) => {
      const { stats } = await import('./look/counts.js');
      await ask(options, (session) => stats(session, options));
    });

  looking(program.command('explain').description('why a job does not run'))
    .argument('<id>', 'its id, or the first digits')
    .action(async (id, options) => {
      const { explain } = await import('./look/explain.js');
      await ask(options, (session) => explain(session, id));
    });

  looking(filters(program.command('failures').description('failed jobs in groups, with an example')))
    .option('--by <field,…>', `one or several of ${failureFields.join(', ')}`, words(failureFields))
    .option('--limit <n>', 'the most groups', count(1, 1000), 20)
    .action(async (options) => {
      const { failures } = await import('./look/failures.js');
      await ask(options, (session) => failures(session, options));
    });

  looking(program.command('traceback').description('how a job failed: its stack, the causes and the runs before'))
    .argument('<id>', 'its id, or the first digits')
    .action(async (id, options) => {
      const { traceback } = await import('./look/failures.js');
      await ask(options, (session) => traceback(session, id));
    });

  asking(kinds(program.command('events').description('follow what happens, until a signal')))
    .option('--type <type>', "events of this type, such as 'job.*'; may be repeated", texts)
    .option('--limit <n>', 'end after this number of events', count(1))
    .action(async (options) => {
      const { events } = await import('./look/events.js');
      await ask(options, (session) => events(session, options), { owner: true, waits: true });
    });

  looking(program.command('schedules').description('recurring jobs with their next and last runs'))
    .argument('[name]', 'only this one, with its next ticks and its last jobs')
    .action(async (name, options) => {
      const { schedules } = await import('./look/schedules.js');
      await ask(options, (session) => schedules(session, name));
    });
}
