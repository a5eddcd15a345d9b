/** `callsheet completions`: scripts by which shells complete commands and options. */
import type { Command, Option } from 'commander';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** A command with the words before it, such as `agent set`. The program itself has none. */
interface Described {
  readonly path: string;
  readonly commands: readonly Command[];
  readonly options: readonly Option[];
  /** The words that its arguments may be, if they are few. */
  readonly words: readonly string[];
}

/** Returns the script for a shell. */
export function completions(program: Command, shell: Shell): string {
  const all = describe(program, '');
  return (shell === 'bash' ? bash(all) : shell === 'zsh' ? zsh(all) : fish(all)).join('\n');
}

function describe(command: Command, path: string): Described[] {
  const commands = command.commands.filter((one) => one.name() !== 'help');
  const options = command.options.filter(({ hidden }) => !hidden);
  const below = commands.flatMap((one) => describe(one, `${path} ${one.name()}`.trim()));
  const words = command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices);
  return [{ path, commands, options, words }, ...below];
}

/** The spellings of an option: `--directory` and `-d`. */
const spellings = ({ long, short }: Option) => [long, short].filter((one) => one !== undefined);

const takesValue = ({ required, optional }: Option) => required || optional;

/** The value of an expression of a shell. */
const braced = (expression: string) => `$\{${expression}}`;

/** In single quotes of a shell. */
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** The lines that follow the words before the cursor to a command. */
function walk(all: readonly Described[]): string[] {
  const paths = all.filter(({ path }) => path !== '').map(({ path }) => path);
  return [
    `    case "$at $word" in`,
    ...paths.map((path) => `      ${quoted(stepTo(path))}) at=${quoted(path)} ;;`),
    '    esac',
  ];
}

/** A command after the words before it, as the walk sees it. */
function stepTo(path: string): string {
  return path.includes(' ') ? path : ` ${path}`;
}

/** The options with a value, by what completes it. */
function* values(
  all: readonly Described[],
): Generator<{ readonly cases: string; readonly choices: readonly string[] | undefined }> {
  for (const { path, options } of all)
    for (const option of options.filter(takesValue)) {
      const cases = spellings(option).map((one) => quoted(`${path} ${one}`));
      yield { cases: cases.join('|'), choices: option.argChoices };
    }
}

function bash(all: readonly Described[]): string[] {
  return [
    '# bash: source <(callsheet completions bash)',
    '_callsheet() {',
    `  local at= word words= cur="${braced('COMP_WORDS[COMP_CWORD]')}" prev="${braced('COMP_WORDS[COMP_CWORD - 1]')}"`,
    `  for word in "${braced('COMP_WORDS[@]:1:COMP_CWORD - 1')}"; do`,
    ...walk(all),
    '  done',
    '  case "$at $prev" in',
    ...Array.from(values(all), ({ cases, choices }) => {
      const kind = choices === undefined ? '-f' : `-W ${quoted(choices.join(' '))}`;
      return `    ${cases}) COMPREPLY=($(compgen ${kind} -- "$cur")); return ;;`;
    }),
    '  esac',
    '  case "$at" in',
    ...all.map(({ path, commands, options, words }) => {
      const all = [...commands.map((one) => one.name()), ...words, ...options.flatMap(spellings)];
      return `    ${quoted(path)}) words=${quoted(all.join(' '))} ;;`;
    }),
    '  esac',
    '  COMPREPLY=($(compgen -W "$words" -- "$cur"))',
    '}',
    'complete -o default -F _callsheet callsheet',
  ];
}

function zsh(all: readonly Described[]): string[] {
  const described = (name: string, description: string) => quoted(`${name}:${description.replaceAll(':', '\\:')}`);
  return [
    '#compdef callsheet',
    '# zsh: source <(callsheet completions zsh)',
    '_callsheet() {',
    "  local at='' word",
    '  local -a found',
    `  for word in "${braced('(@)words[2,CURRENT-1]')}"; do`,
    ...walk(all),
    '  done',
    `  case "$at ${braced('words[CURRENT-1]')}" in`,
    ...Array.from(values(all), ({ cases, choices }) => {
      const complete = choices === undefined ? '_files' : `compadd -- ${choices.join(' ')}`;
      return `    ${cases}) ${complete}; return ;;`;
    }),
    '  esac',
    '  case "$at" in',
    ...all.map(({ path, commands, options, words }) => {
      const all = [
        ...commands.map((one) => described(one.name(), one.description())),
        ...words.map((word) => described(word, '')),
        ...options.flatMap((one) => spellings(one).map((spelling) => described(spelling, one.description))),
      ];
      return `    ${quoted(path)}) found=(${all.join(' ')}) ;;`;
    }),
    '  esac',
    "  _describe 'callsheet' found || _files",
    '}',
    'compdef _callsheet callsheet',
  ];
}

function fish(all: readonly Described[]): string[] {
  const lines = ['# fish: callsheet completions fish | source', 'complete -c callsheet -f'];
  for (const { path, commands, options, words } of all) {
    const seen = path.split(' ').filter((word) => word !== '');
    const names = commands.map((one) => one.name());
    const isAt = seen.map((word) => `__fish_seen_subcommand_from ${word}`);
    const isFree = names.length === 0 ? [] : [`not __fish_seen_subcommand_from ${names.join(' ')}`];
    const condition = path === '' ? '__fish_use_subcommand' : [...isAt, ...isFree].join('; and ');
    const when = ` -n ${quoted(condition)}`;
    if (words.length > 0) lines.push(`complete -c callsheet${when} -a ${quoted(words.join(' '))}`);
    for (const one of commands)
      lines.push(`complete -c callsheet${when} -a ${one.name()} -d ${quoted(one.description())}`);
    for (const one of options) lines.push(`complete -c callsheet${when}${fishOption(one)}`);
  }
  return lines;
}

function fishOption(option: Option): string {
  const { long, short, argChoices, description } = option;
  const names = [
    ...(long === undefined ? [] : [`-l ${long.slice(2)}`]),
    ...(short === undefined ? [] : [`-s ${short.slice(1)}`]),
  ];
  const value = !takesValue(option)
    ? ''
    : argChoices === undefined
      ? ' -r -F'
      : ` -x -a ${quoted(argChoices.join(' '))}`;
  return ` ${names.join(' ')}${value} -d ${quoted(description)}`;
}
