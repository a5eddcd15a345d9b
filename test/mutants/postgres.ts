/** Planted bugs against section 19 of the contract. */
import type { Mutant } from './mutant.js';

const hosts = ['postgres/hosts.test.ts'];
const commands = ['postgres/cli.test.ts'];
const migrations = ['postgres/migrations.test.ts'];

export const postgres: readonly Mutant[] = [
  {
    bug: 'a job in line is not found by other processes',
    tags: ['19.1'],
    tests: hosts,
    in: 'store/postgres/writing.ts#valuesOf',
    find: 'queued: line !== undefined,',
    replace: 'queued: false,',
  },
  {
    bug: 'two processes migrate at once',
    tags: ['19.2'],
    tests: migrations,
    in: 'store/postgres/schema.ts#migrate',
    find: "'select pg_advisory_xact_lock(hashtextextended($1, 0))'",
    replace: "'select $1::text'",
  },
  {
    bug: 'a newer schema is used',
    tags: ['19.2'],
    tests: migrations,
    in: 'store/postgres/schema.ts#refuseNewer',
    find: 'if (version > schemaVersion)',
    replace: 'if (version < 0)',
  },
  {
    bug: 'a server that starts up is not waited for',
    tags: ['19.2'],
    tests: migrations,
    in: 'store/postgres/connection.ts#started',
    find: 'sqlStateOf(error) !== startingUp',
    replace: 'sqlStateOf(error) === startingUp',
  },
  {
    bug: 'the right to use the schema is not asked for',
    tags: ['19.3'],
    tests: migrations,
    in: 'store/postgres/schema.ts#checkVersion',
    find: '!found.may_use',
    replace: 'found.may_use === null',
  },
  {
    bug: 'the name of a schema is not quoted as a whole',
    tags: ['19.3'],
    tests: migrations,
    in: 'store/postgres/connection.ts#quoted',
    find: "name.replaceAll('\"', '\"\"')",
    replace: 'name',
  },
  {
    bug: 'the jobs of a dead process are not found',
    tags: ['19.4'],
    tests: hosts,
    in: 'store/postgres/writing.ts#valuesOf',
    find: "dispatcher: id('dispatcher'),",
    replace: 'dispatcher: null,',
  },
  {
    bug: 'a process gives up when the server is away',
    tags: ['19.5'],
    tests: hosts,
    in: 'store/postgres/connection.ts#meaningOf',
    find: "!isOfServer || code.startsWith('08') || endings.has(code)",
    replace: "code.startsWith('08')",
  },
  {
    bug: 'a runtime without its database never closes',
    tags: ['19.6'],
    tests: ['contract/two-dispatchers.test.ts'],
    in: 'coordinator/closing.ts#finish',
    find: 'store.giveUp && after(lastCommitMs, () => store.giveUp!(lastCommitMs))',
    replace: 'store.giveUp && after(lastCommitMs, () => {})',
  },
  {
    bug: 'a command that visits a database forgets jobs',
    tags: ['19.7'],
    tests: commands,
    in: 'coordinator/coordinator.ts#turn',
    find: 'if (this.#options.isVisitor !== true) this.#forget();',
    replace: 'this.#forget();',
  },
  {
    bug: 'a command that visits a database is a host of it',
    tags: ['19.7'],
    tests: commands,
    in: 'runtime/open.ts#openVisitor',
    find: 'dispatcher: false',
    replace: 'dispatcher: true',
  },
];
