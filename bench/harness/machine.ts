/**
 * The machine and the versions of a measurement.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, type as systemName, totalmem } from 'node:os';

export interface Machine {
  readonly system: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly node: string;
  /** The installed versions of callsheet and its peers. */
  readonly packages: Readonly<Record<string, string>>;
}

const root = new URL('../../../', import.meta.url);
const peers = 'bench/peers/';

export function describeMachine(): Machine {
  const packages: Record<string, string> = {
    callsheet: versionIn(''),
    piscina: versionIn('node_modules/piscina/'),
  };
  for (const name of Object.keys(packageIn(peers).dependencies)) {
    packages[name] = versionIn(`${peers}node_modules/${name}/`);
  }
  return {
    system: systemName(),
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    packages,
  };
}

function packageIn(path: string): { readonly version: string; readonly dependencies: Record<string, string> } {
  return JSON.parse(readFileSync(new URL(`${path}package.json`, root), 'utf8'));
}

function versionIn(path: string): string {
  try {
    return packageIn(path).version;
  } catch {
    return 'not installed';
  }
}
