/** The options of the page. */
import { checkArray, checkBoolean, checkFunction, checkText } from '../definition/arguments.js';
import { checkOptions, type OptionNames } from '../definition/known-options.js';
import { invalidOption } from '../errors.js';

/** The rights of a visitor: nothing, to look, or to look and act. */
export type Access = 'none' | 'read' | 'write';

/** A visitor, with the name under which actions are recorded. */
export interface Visitor {
  readonly access: Access;
  readonly author: string;
}

/** A job whose values may be shown. */
export interface ShownJob {
  readonly id: string;
  readonly callable: string;
  readonly queue: string;
}

/** An action that a visitor took, or tried. */
export interface WebAction {
  readonly at: Date;
  readonly author: string;
  /** `sign-in`, or the name of the action, such as `cancel`. */
  readonly action: string;
  /** The job, filter, queue or schedule on which it acted. */
  readonly target: string;
  /** The message of the error; `undefined` if it was done. */
  readonly error: string | undefined;
}

/** The options of `web`. All may be left out. */
export interface WebOptions {
  /** The path at which the page is mounted, such as `/admin/jobs`; `/` by default. */
  readonly path?: string;
  /**
   * `true` lets visitors with a link of `link()` act. `false` by default: they look only. With
   * `authorize` it must be left out.
   */
  readonly write?: boolean;
  /**
   * Decides about each request, in place of the links of `link()`. Return a `Visitor` to name the
   * author of actions; otherwise the author is `authorized`. If it throws, the visitor has no
   * access.
   */
  readonly authorize?: (request: Request) => Access | Visitor | Promise<Access | Visitor>;
  /**
   * Names of hosts, without port, by which browsers reach the page. Names of this machine's
   * loopback and addresses in numbers are always allowed. Other names are refused, because a
   * foreign page could point its own name here.
   */
  readonly hosts?: readonly string[];
  /**
   * The values that visitors see of arguments, results, annotations and the fields of logged lines:
   * `true` for all, or a function that decides about each; its path is an expression such as
   * `arguments[0].name` or `log.user`. `false` by default: sizes only. Messages are always shown.
   */
  readonly show?: boolean | ((job: ShownJob, path: string) => boolean);
  /** Called with each action. The runtime also logs it: a sign-in at `info`, others at `warn`. */
  readonly onAction?: (action: WebAction) => void;
}

export type ResolvedOptions = {
  readonly [Name in keyof WebOptions]-?: Exclude<WebOptions[Name], undefined> | undefined;
} & { readonly path: string; readonly write: boolean; readonly hosts: readonly string[] };

const names: OptionNames<WebOptions> = {
  path: true,
  write: true,
  authorize: true,
  hosts: true,
  show: true,
  onAction: true,
};

/** Checks the options, and fills in the defaults. The path ends with a slash. */
export function resolveWebOptions(options: WebOptions): ResolvedOptions {
  checkOptions('options', options, names);
  const { path = '/', write, authorize, hosts = [], show = false, onAction } = options;
  checkText('path', path, 'must begin with a slash, and have no "?", "#", ".." or markup', isPath);
  if (write !== undefined) checkBoolean('write', write);
  if (authorize !== undefined) {
    checkFunction('authorize', authorize);
    if (write !== undefined) throw invalidOption('write', 'must be left out: `authorize` decides', write);
  }
  checkArray('hosts', hosts, 'names of hosts');
  const rule = 'must be the name of a host, without a port';
  for (const [index, host] of hosts.entries()) checkText(`hosts[${index}]`, host, rule, isHost);
  if (typeof show !== 'boolean') checkFunction('show', show, 'must be true, false or a function');
  if (onAction !== undefined) checkFunction('onAction', onAction);
  return {
    path: path.endsWith('/') ? path : `${path}/`,
    write: write ?? false,
    authorize,
    hosts: hosts.map((host) => host.toLowerCase()),
    show,
    onAction,
  };
}

const isPath = (path: string) => /^(?:\/[\w.~%@-]+)*\/?$/.test(path) && path !== '' && !path.includes('..');
const isHost = (host: string) => /^[a-z\d](?:[a-z\d.-]*[a-z\d])?$/i.test(host);
