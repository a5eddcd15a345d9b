/** The pool of a client: no threads, no runs. */
import type { PoolPort, ThreadLoad } from './pool-port.js';

export class NoPool implements PoolPort {
  readonly size: number = 0;
  readonly mostThreads: number = 0;
  readonly out: number = 0;

  introduce(): void {}

  loads(): readonly ThreadLoad[] {
    return [];
  }

  start(..._: Parameters<PoolPort['start']>): boolean {
    return false;
  }

  stop(): void {}

  stopAll(): void {}

  beginUntil(): void {}

  takeBack(): boolean {
    return false;
  }

  threadOf(): undefined {}

  running(): readonly [] {
    return [];
  }

  tellRunning(): void {}

  share(): boolean {
    return false;
  }

  clear(): void {}

  grow(): void {}

  takeBackAll(): void {}

  async destroy(): Promise<number[]> {
    return [];
  }
}
