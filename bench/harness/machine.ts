/**
 * Where it was measured.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, type as systemName, totalmem } from 'node:os';

export interface Machine {
  readonly system: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly node: string;
  /** Of callsheet and of what it is compared with, as installed. */
  readonly packages: Readonly<Record<string, string>>;
}

const root = new URL('../../../', import.meta.url);
const packageFiles = {
  callsheet: 'package.json',
  piscina: 'node_modules/piscina/package.json',
  tinypool: 'bench/peers/node_modules/tinypool/package.json',
  poolifier: 'bench/peers/node_modules/poolifier/package.json',
  workerpool: 'bench/peers/node_modules/workerpool/package.json',
};

export function describeMachine(): Machine {
  const packages: Record<string, string> = {};
  for (const [name, path] of Object.entries(packageFiles)) packages[name] = versionIn(path);
  return {
    system: systemName(),
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    packages,
  };
}

function versionIn(path: string): string {
  try {
    return (JSON.parse(readFileSync(new URL(path, root), 'utf8')) as { version: string }).version;
  } catch {
    return 'not installed';
  }
}
