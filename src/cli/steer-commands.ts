/** The commands that change jobs, queues, agents and quotas, through the owner of the directory. */
import { type Command, Option } from 'commander';
import type { Ask } from './asking.js';
import { asking, filters } from './options.js';
import { count, duration, integer, later, rate, texts } from './values.js';

export function addSteerCommands(program: Command, ask: Ask): void {
  program.commandsGroup('Steer:');
  asking(program.command('put').description('put a job of a function that the running process has'))
    .argument('<module#function>', 'as jobs are listed, such as images#resize')
    .argument('[json...]', `its arguments, each as JSON: 200 '"a text"' '{"a":1}'`)
    .option('--queue <name>', 'the default queue if it is left out', '')
    .option('--priority <n>', 'higher is first', integer)
    .option('--begin <when>', 'a delay such as 5m, or an ISO time', later)
    .option('--unique <key>', 'no second job while one with this key is live')
    .option('--quota <name[=key]>', 'may be repeated', texts)
    .option('--limit <duration>', 'the longest time that it may run', duration)
    .option('--wait', 'wait for its outcome, for --timeout if that is given; code 1 if it failed')
    .action(async (name, args, options) => {
      const { put } = await import('./steer/put.js');
      await ask(options, (session) => put(session, name, args, options), { waits: options.wait === true });
    });

  chosen(program.command('cancel').description('cancel jobs'), 'such as --queue mail --status pending').action(
    async (ids, options) => {
      const { cancel } = await import('./steer/jobs.js');
      await ask(options, (session) => cancel(session, ids, options), { waits: true });
    },
  );

  chosen(program.command('retry').description('run failed jobs again, as new ones'), 'such as --failed --since 1d')
    .addOption(new Option('--parts <which>', 'of a composition').choices(['failed', 'all']))
    .option('--no-callbacks', 'without the callbacks of the failed job')
    .action(async (ids, options) => {
      const { retry } = await import('./steer/jobs.js');
      await ask(options, (session) => retry(session, ids, options), { waits: true });
    });

  asking(program.command('fail').description('end jobs that have not begun, with an error'))
    .argument('<id...>', 'their ids, or the first digits')
    .requiredOption('-m, --message <text>', 'of the error')
    .option('--name <name>', 'of the error', 'Error')
    .action(async (ids, options) => {
      const { fail } = await import('./steer/jobs.js');
      await ask(options, (session) => fail(session, ids, options));
    });

  addQueueCommands(program, ask);
}

/** Adds the ways to choose jobs: by ids, or by filters. */
function chosen(command: Command, example: string): Command {
  return filters(asking(command))
    .argument('[id...]', `their ids, or the first digits; filters select others, ${example}`)
    .option('-y, --yes', 'act on all jobs that the filters select without a question')
    .option('--expect <n>', 'act only if the filters select this number of jobs', count(0));
}

function addQueueCommands(program: Command, ask: Ask): void {
  for (const [name, text] of [
    ['pause', 'begin no more jobs of queues'],
    ['resume', 'go on with queues'],
  ] as const)
    asking(program.command(name).description(text))
      .argument('<queue...>', "'' is the default queue")
      .action(async (queues, options) => {
        const { setPaused } = await import('./steer/queues.js');
        await ask(options, (session) => setPaused(session, queues, name === 'pause'));
      });

  asking(program.command('drain').description('wait until nothing is due or running'))
    .argument('[queue...]', "'' is the default queue (default: all)")
    .action(async (queues, options) => {
      const { drain } = await import('./steer/queues.js');
      await ask(options, (session) => drain(session, queues, options), { waits: true });
    });

  const agent = program.command('agent').description('list and set agents, which run the jobs of a queue');
  asking(agent.command('list', { isDefault: true }).description('list agents'))
    .argument('[queue]', 'only those of this queue')
    .action(async (queue, options) => {
      const { listAgents } = await import('./steer/queues.js');
      await ask(options, (session) => listAgents(session, queue));
    });
  asking(agent.command('set').description('add an agent, or change its size; its filter and policies stay'))
    .argument('<queue>')
    .argument('<name>')
    .requiredOption('--size <n>', 'the most jobs that it runs at a time', count(1))
    .option('--dispatcher <id>', 'the process that it belongs to (default: the owner)')
    .action(async (queue, name, options) => {
      const { setAgent } = await import('./steer/queues.js');
      await ask(options, (session) => setAgent(session, queue, name, options));
    });
  asking(agent.command('remove').description('remove an agent that runs nothing'))
    .argument('<queue>')
    .argument('<name>')
    .option('--dispatcher <id>', 'the process that it belongs to (default: the owner)')
    .action(async (queue, name, options) => {
      const { removeAgent } = await import('./steer/queues.js');
      await ask(options, (session) => removeAgent(session, queue, name, options));
    });

  const quota = program.command('quota').description('list and set quotas, which limit the jobs that name them');
  asking(quota.command('list', { isDefault: true }).description('list quotas'))
    .argument('[queue]', 'only those of this queue')
    .action(async (queue, options) => {
      const { listQuotas } = await import('./steer/queues.js');
      await ask(options, (session) => listQuotas(session, queue));
    });
  asking(quota.command('set').description('add a quota, or change its given limits'))
    .argument('<queue>')
    .argument('<name>')
    .option('--size <n>', 'the most jobs at a time, for each key', count(1))
    .option('--rate <n/period>', 'the most starts in a period, such as 10/1m; none for no limit', rate)
    .action(async (queue, name, options) => {
      const { setQuota } = await import('./steer/queues.js');
      await ask(options, (session) => setQuota(session, queue, name, options));
    });
  asking(quota.command('remove').description('remove a quota; jobs that name it go on without it'))
    .argument('<queue>')
    .argument('<name>')
    .action(async (queue, name, options) => {
      const { removeQuota } = await import('./steer/queues.js');
      await ask(options, (session) => removeQuota(session, queue, name));
    });
}
